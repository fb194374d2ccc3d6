"""The MCP tools: arguments in, text out. Start reading in ``mcp_server.py``."""
