"""``compress_context``: a short digest of long files, without their passing through Claude."""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from server.calls.caller import build_caller
from server.hub import Hub
from server.offload.values import Compression
from server.tools.make_tool import ALWAYS_LOAD, make_tool
from server.tools.offload_work import outcome_result
from server.tools.progress import progress_to

DESCRIPTION = "Digest long `files` (logs, code, docs) with a local model; quotes are checked. Pass paths."


def compress_context_tool(hub: Hub) -> Tool:
    """Return the tool for this hub."""

    async def compress_context(
        ctx: Context,
        *,
        files: list[str] = [],  # noqa: B006 - pydantic copies it
        content: str = "",
        focus: str = "",
        max_length: Annotated[int, Field(ge=200, le=20_000)] = 2000,
    ) -> CallToolResult:
        hub.check_paused()
        wanted = Compression(files=tuple(files), content=content, focus=focus, max_length=max_length)
        caller = await build_caller(ctx, hub.settings.roots)
        async with progress_to(ctx) as report:
            return outcome_result(await hub.compressor.compress(wanted, caller, report))

    annotations = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return make_tool(compress_context, DESCRIPTION, annotations, ALWAYS_LOAD)
