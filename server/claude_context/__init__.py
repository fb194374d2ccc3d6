"""The content of Claude's context: its parts, what they cost, and switches that remove them.

The MCP context of one tool call is in ``calls/tool_context.py``.
"""
