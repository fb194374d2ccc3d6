"""Puts a result in its place: written if it passed, taken back if the user's own check does not pass."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from server.errors import FileChanged
from server.offload import deliver
from server.offload.deliver import Change
from server.offload.plan import Plan
from server.offload.running import Running, check_folder
from server.offload.user_check import command_of, run_check
from server.offload.values import Check, Delivery, Task, Verdict
from server.offload.workspace import Workspace
from server.settings import Settings
from server.store.history import History
from server.store.records import UndoRecord

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Placer:
    """Writes results. Two offloads never have the same file in place unchecked at once."""

    def __init__(self, history: History, settings: Settings) -> None:
        self._history = history
        self.checks: Mapping[str, str] = settings.checks
        self._timeout = settings.offload.check_timeout
        self._locks: dict[str, asyncio.Lock] = {}

    def require_check(self, task: Task, workspace: Workspace) -> None:
        """Return if the check that the task names exists and can be read.

        Raises:
            BadArguments: there is no such check.
            SettingsError: its command cannot be read.
        """
        if task.check and task.output:
            command_of(task.check, self.checks, workspace.confine(task.output.partition("::")[0]))

    async def place(
        self, run: Running, workspace: Workspace, plan: Plan, verdict: Verdict
    ) -> tuple[Delivery | None, Check | None]:
        """Write the result; return what was written, and the finding of the user's check if one was named.

        The old bytes are in the history before the new ones are on the disk. If the check fails, or
        anything else ends this early, the old bytes are back when it returns.

        Raises:
            WorkspaceError: the file changed meanwhile or cannot be written.
        """
        target = plan.target
        if target is None:
            return None, None
        run.progress.stage("deliver", target.shown)
        lock = self._locks.setdefault(str(target.path), asyncio.Lock())
        async with lock:
            began = time.monotonic()
            change = await to_end(lambda: deliver.plan_change(workspace, plan, target, verdict))
            await self._history.keep_undo(run.id, _undo(change, change.after_digest))
            kept = False
            try:
                change = await self._put(change)
                run.spent("write", time.monotonic() - began)
                change, check = await self._check(run, change)
                kept = check is None or check.passed
                if kept:
                    run.delivery = await to_end(lambda: deliver.describe(change))
                return run.delivery, check
            finally:
                if run.delivery is None:
                    await self._take_back(run.id, change)

    async def _put(self, change: Change) -> Change:
        written = asyncio.ensure_future(asyncio.to_thread(deliver.put, change))
        try:
            return await asyncio.shield(written)
        except asyncio.CancelledError:
            await asyncio.wait([written])
            raise

    async def _check(self, run: Running, change: Change) -> tuple[Change, Check | None]:
        """Run the user's check on the file in place; a check may also change the file (a formatter)."""
        name = run.task.check
        if not name:
            return change, None
        run.progress.stage("check", name)
        began = time.monotonic()
        command = command_of(name, self.checks, change.path)
        check = await run_check(name, command, check_folder(run.caller, change.path), self._timeout)
        run.spent("check", time.monotonic() - began)
        after = await to_end(lambda: deliver.content_of(change))
        if check.passed and after != change.after:
            change = Change(change.path, change.shown, change.before, after, change.created)
            await self._history.keep_undo(run.id, _undo(change, change.after_digest))
        return change, check

    async def _take_back(self, offload_id: str, change: Change) -> None:
        """Put the old bytes back and drop what was kept for undo."""
        try:
            found = await to_end(lambda: deliver.take_back(change))
        except FileChanged:
            logger.warning("%s was changed while it was taken back; it was left alone", change.path)
            return
        if found is not None:
            logger.warning("%s had been changed by its check; that was taken back, too", change.path)
        await self._history.keep_undo(offload_id, None)


async def to_end(function: Callable[[], T]) -> T:
    """Run a blocking function in a thread; if cancelled meanwhile, wait for its end first."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _undo(change: Change, after_digest: str) -> UndoRecord:
    return UndoRecord(str(change.path), change.before, after_digest)
