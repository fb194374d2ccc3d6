"""The MCP tools: arguments in, text out, nothing else."""
