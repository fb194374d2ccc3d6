"""The stdio bridge: forwards MCP on standard input and output to the hub. Standard library only."""
