"""The stdio bridge: MCP on standard input and output, forwarded to the hub. Standard library only."""
