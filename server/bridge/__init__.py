"""The stdio bridge, which forwards MCP from standard input and output to the hub. Standard library only."""
