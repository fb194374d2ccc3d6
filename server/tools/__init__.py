"""The MCP tools: arguments in, text out, nothing else. Start in ``mcp_server.py``."""
