"""``compress_context``: a short digest of long files, so that Claude need not read them.

The tool also works while offloading is paused. It then does not use the model.
"""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from server.calls.long_calls.job_wait import patience_of
from server.calls.progress import progress_to
from server.calls.tool_context import CallContext
from server.hub import Hub
from server.offload.pipeline import PATIENCE_RESERVE
from server.offload.values import Compression
from server.tools.make_tool import ALWAYS_LOAD, make_tool
from server.tools.offload_work import outcome_result

DESCRIPTION = "Digest `files` (logs, code): facts by line, answers to `focus`. `kept:ID:1-9` gives lines."


def compress_context_tool(hub: Hub) -> Tool:
    """Return the tool for this hub."""

    async def compress_context(
        ctx: CallContext,
        *,
        files: list[str] = [],  # noqa: B006 - pydantic copies it
        content: str = "",
        focus: str = "",
        max_length: Annotated[int, Field(ge=200, le=20_000)] = 2000,
    ) -> CallToolResult:
        ctx.prepared.require_valid()
        patience = patience_of(hub, ctx) - PATIENCE_RESERVE
        wanted = Compression(
            files=tuple(files), content=content, focus=focus, max_length=max_length, patience=patience
        )
        async with progress_to(ctx) as report:
            outcome = await hub.compressor.compress(
                wanted, ctx.caller, report, workspace=ctx.prepared.workspace
            )
        return outcome_result(outcome)

    annotations = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return make_tool(compress_context, DESCRIPTION, annotations, ALWAYS_LOAD)
