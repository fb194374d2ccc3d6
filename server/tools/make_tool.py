"""Builds tools: text results, annotations, a small schema."""

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, TextContent, ToolAnnotations

from server.tools.schema import compact

ALWAYS_LOAD_KEY = "anthropic/alwaysLoad"
ALWAYS_LOAD = {ALWAYS_LOAD_KEY: True}
"""Makes Claude Code load a tool's whole definition at the start, not only its name."""


def make_tool(
    function: Callable[..., Any],
    description: str,
    annotations: ToolAnnotations,
    meta: dict[str, Any] | None = None,
) -> Tool:
    """Return the tool. Its result is only text: structured results would hide the text from Claude."""
    tool = Tool.from_function(
        function, description=description, annotations=annotations, meta=meta, structured_output=False
    )
    return tool.model_copy(update={"parameters": compact(tool.parameters)})


def text_result(text: str, *, failed: bool = False, meta: dict[str, Any] | None = None) -> CallToolResult:
    """Return ``text`` as a result. ``meta`` is for programs and never reaches the model."""
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=failed, _meta=meta)
