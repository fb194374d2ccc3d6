"""``check_job``: wait for, inspect, pause, resume, cancel, retry or undo a batch, or undo one offload."""

from typing import Literal

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from server.batch.reply import why
from server.calls.long_calls.job_wait import answer_for_job, wait_for_job
from server.calls.tool_context import CallContext
from server.common.errors import BadArguments
from server.hub import Hub
from server.store.job_records import ItemRecord
from server.tools.make_tool import make_tool

DESCRIPTION = "Wait `wait` s for a batch, act on it or an `item`; undo by any id."
MOST_WAIT = 1800
MOST_ITEMS = 40
EVERY_ITEM = -1
LONGEST_LINE = 200
"""Maximum length of an item's line: long enough for a reason of two sentences."""

CLOSED = {"cancelled": "was cancelled", "done": "has ended"}
"""How a job that cannot be resumed has ended, by state."""

Action = Literal["look", "items", "pause", "resume", "cancel", "retry", "undo"]


def check_job_tool(hub: Hub) -> Tool:
    """Return the tool for this hub."""

    async def check_job(
        ctx: CallContext,
        job: str,
        wait: int = 0,
        action: Action = "look",
        item: int = EVERY_ITEM,
    ) -> str:
        _refuse_bad_values(wait, action, item)
        if action == "undo":
            ctx.prepared.require_valid()
            return await hub.undo(job, by_user=ctx.caller.by_user)
        before = await hub.batches.get(job)
        position = None if item == EVERY_ITEM else item
        caller = ctx.caller
        if action == "items":
            text = _list(await hub.batches.unsuccessful_items(job))
            if not caller.by_user:
                await hub.batches.charge(job, caller.arguments, text, caller)
            return text
        if action == "pause":
            await hub.batches.pause(job, by_user=caller.by_user)
        elif action == "resume":
            if caller.by_user and before.state in CLOSED:
                raise BadArguments(
                    f"Job {job} {CLOSED[before.state]} and cannot be resumed.",
                    f"`token-saver jobs retry {job}` retries the items without a result.",
                )
            await hub.batches.resume(job, by_user=caller.by_user)
        elif action == "cancel":
            await hub.batches.cancel(job, position, by_user=caller.by_user)
        elif action == "retry":
            await hub.batches.retry(job, position, by_user=caller.by_user)
        if wait:
            await wait_for_job(hub, ctx, job, cancel_with_call=False, seconds=wait)
        return await answer_for_job(hub, job, caller, caller.arguments)

    annotations = ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
    )
    return make_tool(check_job, DESCRIPTION, annotations)


def _refuse_bad_values(wait: int, action: Action, item: int) -> None:
    # The limit is checked here, because a limit in the schema would cost tokens in every session.
    if not 0 <= wait <= MOST_WAIT:
        raise BadArguments(
            f"`wait` is {wait}; it must be from 0 to {MOST_WAIT} seconds.", "Correct `wait`, then call again."
        )
    if item != EVERY_ITEM and action not in ("cancel", "retry"):
        raise BadArguments(f"`item` cannot be used with {action}.", "Use it with cancel or retry.")


def _list(items: tuple[ItemRecord, ...]) -> str:
    if not items:
        return "All ended items have a result."
    lines = [_line(item) for item in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        lines.append(f"… and {len(items) - MOST_ITEMS} more on the dashboard")
    return "\n".join(lines)


def _line(item: ItemRecord) -> str:
    target = item.arguments.get("output") or ", ".join(item.arguments.get("files") or ())
    line = f"{item.position}. {' '.join(target.split())}: {item.code}: {why(item.code, item.summary)}"
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
