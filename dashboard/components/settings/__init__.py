"""Settings: editors for each kind of setting, and connections to MCP clients."""
