"""``offload_work``: runs one task. Takes paths, writes a checked file, returns a digest."""

# ruff: noqa: ARG001 - the signature is the tool's schema; calls/prepare.py reads the arguments

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from server.calls.progress import progress_to
from server.calls.tool_context import CallContext
from server.hub import Hub
from server.offload.values import ERRORS, Outcome, OutputFormat, TaskCategory
from server.tools.make_tool import ALWAYS_LOAD, make_tool, text_result

DESCRIPTION = (
    "Let a local model do one routine task. It reads `files`, checks and repairs the result, writes `output` "
    "and returns a short digest. Pass paths, not contents; don't read the files yourself."
)
EXAMPLES = "For new code: 2-4 facts, `f([3]) == [6]`, `raises ValueError: f(-1)`"
OUTCOME_META = "token-saver/outcome"
"""Key of the outcome in the result's ``_meta``, for programs such as the command line."""


def offload_work_tool(hub: Hub) -> Tool:
    """Return the tool for this hub."""

    async def offload_work(
        ctx: CallContext,
        task: Annotated[str, Field(description="What to do, in full")],
        *,
        files: Annotated[list[str], Field(description="Paths, globs, path::name, path:10-40")] = [],  # noqa: B006 - pydantic copies it
        output: Annotated[str, Field(description="File to write; an input's path edits it; none: text")] = "",
        context: Annotated[str, Field(description="Brief facts the files lack")] = "",
        language: str = "",
        output_format: OutputFormat = "code",
        model: str = "",
        category: TaskCategory = "",
        check: Annotated[str, Field(description="Name of a check from the user's config")] = "",
        examples: Annotated[list[str], Field(description=EXAMPLES)] = [],  # noqa: B006 - pydantic copies it
    ) -> CallToolResult:
        asked = ctx.prepared.require_task()
        hub.check_paused()
        async with progress_to(ctx) as report:
            outcome = await hub.offloader.run(asked, ctx.caller, report, workspace=ctx.prepared.workspace)
        return outcome_result(outcome)

    annotations = ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
    )
    return make_tool(offload_work, DESCRIPTION, annotations, ALWAYS_LOAD)


def outcome_result(outcome: Outcome) -> CallToolResult:
    """Return the outcome as a result. A hand-back is an answer, not an error."""
    meta = {
        "id": outcome.offload_id,
        "outcome": outcome.name,
        "code": outcome.code,
        "net_tokens": outcome.net_tokens,
        "strength": outcome.strength,
        "output": outcome.delivery.shown if outcome.delivery else None,
    }
    return text_result(outcome.text, failed=outcome.name in ERRORS, meta={OUTCOME_META: meta})
