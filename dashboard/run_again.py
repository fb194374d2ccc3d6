"""Runs an offload from the history again, with the same model or another one."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from nicegui import background_tasks

from server.common.errors import NotFound
from server.hub import Hub
from server.offload.values import Caller, Outcome, Task
from server.store.records import DASHBOARD, OffloadDetail

TOOLS = ("offload_work", "batch_offload")
"""Tools whose calls can run again; the items of a batch are recorded under the batch's tool."""
START_SECONDS = 60.0
"""Time limit for a new offload's row to appear (seconds)."""


def can_run_again(detail: OffloadDetail) -> bool:
    """Return whether the history kept the call's arguments."""
    arguments = detail.arguments
    whole_batch = "each" in arguments or "tasks" in arguments
    return detail.row.tool in TOOLS and bool(arguments.get("task")) and not whole_batch


OnEnd = Callable[[Outcome], Awaitable[object]]


async def run_again(hub: Hub, detail: OffloadDetail, model: str, on_end: OnEnd | None = None) -> str:
    """Start the task again and return the new offload's id once its row exists. ``on_end`` receives its
    outcome, even if the page was closed in the meantime.

    Raises:
        Paused: the user paused offloading.
        NotFound: the history did not keep the call's arguments.
        StoreError: the history cannot be written.
    """
    hub.check_paused()
    if not can_run_again(detail):
        raise NotFound("The history did not keep this call.", "Ask Claude to repeat the task.")
    project = Path(detail.row.project) if detail.row.project else None
    return await run_task(hub, task_of(detail, model), project, on_end)


async def run_task(hub: Hub, task: Task, project: Path | None = None, on_end: OnEnd | None = None) -> str:
    """Start a task in a project's folder and return the offload's id once its row exists.

    Raises:
        Paused: the user paused offloading.
        StoreError: the history cannot be written.
    """
    hub.check_paused()
    offload_id = secrets.token_hex(4)
    roots = (project, *hub.settings.roots) if project else hub.settings.roots
    caller = Caller(DASHBOARD, f"{DASHBOARD}-{offload_id}", project, roots)

    async def run() -> None:
        outcome = await hub.offloader.run(task, caller, _ignore_progress, offload_id=offload_id)
        if on_end is not None:
            await on_end(outcome)

    work = background_tasks.create(run())
    async with asyncio.timeout(START_SECONDS):
        while await hub.history.get(offload_id) is None:
            if work.done():
                work.result()
            await asyncio.sleep(0.05)
    return offload_id


def task_of(detail: OffloadDetail, model: str) -> Task:
    """Return the original task, to run on ``model``. If ``model`` is empty, a model is chosen afresh."""
    return replace(Task.from_arguments(detail.arguments), model=model or None)


async def _ignore_progress(_done: float, _total: float | None, _words: str) -> None:
    """Ignore progress, because the page follows the hub's events."""
