"""Settings: an editor for each kind of setting, and connections to MCP clients."""
