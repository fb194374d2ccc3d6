"""``check_job``: wait for, look at, pause, resume, cancel or retry a batch."""

from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field

from server.hub import Hub
from server.store.job_records import ItemRecord
from server.tools.build import make_tool
from server.tools.caller import build_caller
from server.tools.job_wait import answer_for_job, wait_for_job

DESCRIPTION = "Wait up to `wait` seconds for a batch job, look at it, or act on it."
MOST_WAIT = 1800
MOST_ITEMS = 40
LONGEST_LINE = 160

Action = Literal["look", "items", "pause", "resume", "cancel", "retry"]


def check_job_tool(hub: Hub) -> Tool:
    """Return the tool for this hub."""

    async def check_job(
        ctx: Context,
        job: str,
        wait: Annotated[int, Field(ge=0, le=MOST_WAIT)] = 0,
        action: Action = "look",
    ) -> str:
        await hub.batches.get(job)
        asked = (await build_caller(ctx, hub.settings.roots)).arguments
        if action == "items":
            text = _list(await hub.batches.wrong_items(job))
            await hub.batches.charge(job, asked, text)
            return text
        if action == "pause":
            await hub.batches.pause(job)
        elif action == "resume":
            await hub.batches.resume(job)
        elif action == "cancel":
            await hub.batches.cancel(job)
        elif action == "retry":
            await hub.batches.retry(job)
        if wait:
            await wait_for_job(hub, ctx, job, cancel_with_call=False, seconds=wait)
        return await answer_for_job(hub, job, asked)

    annotations = ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
    return make_tool(check_job, DESCRIPTION, annotations)


def _list(items: tuple[ItemRecord, ...]) -> str:
    if not items:
        return "No item went wrong."
    lines = [_line(item) for item in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        lines.append(f"… and {len(items) - MOST_ITEMS} more on the dashboard")
    return "\n".join(lines)


def _line(item: ItemRecord) -> str:
    target = item.arguments.get("output") or ", ".join(item.arguments.get("files") or ())
    line = " ".join(f"{item.position}. {target}: {item.code}: {item.summary}".split())
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
