"""``batch_offload``: many tasks in one call, run as a durable job."""

# ruff: noqa: ARG001 - the signature is the tool's schema; calls/prepare.py reads the arguments

from typing import Annotated, Any

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field

from server.batch.plan import Planned
from server.calls.long_calls.job_wait import answer_for_job, wait_for_job
from server.calls.tool_context import CallContext
from server.common.errors import BadArguments
from server.hub import Hub
from server.offload.run.reply import counted
from server.tools.make_tool import ALWAYS_LOAD, make_tool

DESCRIPTION = (
    "Many offload_work tasks: `tasks`, or one `task` for `each` path, glob or "
    "selection (`src/a.py::*` for its functions) with an `output` pattern. Returns counts and a job id."
)
MOST_SHOWN = 12
"""Number of files that a dry run names; further files are only counted."""


def batch_offload_tool(hub: Hub) -> Tool:
    """Return the tool for this hub."""

    async def batch_offload(
        ctx: CallContext,
        *,
        tasks: Annotated[
            list[dict[str, Any]], Field(description="1-10 objects of offload_work's arguments")
        ] = [],  # noqa: B006 - pydantic copies it
        sequential: Annotated[bool, Field(description="Each sees the result before it")] = False,
        task: str = "",
        each: list[str] = [],  # noqa: B006 - pydantic copies it
        output: Annotated[
            str, Field(description='"{path}" in place, "{dir}/{stem}.md", also {name} {ext}')
        ] = "",
        files: Annotated[list[str], Field(description="Read by every task")] = [],  # noqa: B006 - pydantic copies it
        context: str = "",
        model: str = "",
        check: str = "",
        dry_run: bool = False,
        wait: Annotated[bool, Field(description="false: job id only")] = True,
        max_hours: float = 0,
    ) -> str:
        hub.check_paused()
        planned = ctx.prepared.require_plan()
        if max_hours < 0:
            raise BadArguments("`max_hours` is negative.", "Leave it out to use the limit in the settings.")
        if dry_run:
            return await _preview(hub, planned)
        job_id = await hub.batches.submit(planned, ctx.caller, max_hours)
        if wait:
            await wait_for_job(hub, ctx, job_id, cancel_with_call=True)
        return await answer_for_job(hub, job_id, ctx.caller)

    annotations = ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
    )
    return make_tool(batch_offload, DESCRIPTION, annotations, ALWAYS_LOAD)


async def _preview(hub: Hub, planned: Planned) -> str:
    outputs = planned.outputs
    seconds = await hub.batches.estimate(planned)
    lines = [
        f"Dry run, no file was changed: {counted(len(planned.items), 'task')}, "
        f"{counted(len(outputs), 'file')} would be written."
    ]
    if seconds is not None:
        lines[0] += f"  About {seconds / 60:.0f} min at this machine's past speed."
    lines += outputs[:MOST_SHOWN]
    if len(outputs) > MOST_SHOWN:
        lines.append(f"… and {len(outputs) - MOST_SHOWN} more")
    return "\n".join(lines)
