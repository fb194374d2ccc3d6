"""A single run of a job, whose workers process items until none are waiting or a limit is reached."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from server.batch.breaker import Tally, why_stop
from server.batch.cost import CallCosts
from server.batch.items import caller_of, judged_item, outcome_to_item, task_of
from server.batch.workers import WorkerPool
from server.common.errors import (
    BackendError,
    BackendFailed,
    BackendUnreachable,
    Denied,
    EngineBusy,
    EngineChanged,
    NotFound,
    Paused,
    QueueFull,
    StillDownloading,
)
from server.engine.engine import Engine
from server.offload.files.workspace import Workspace
from server.offload.pipeline import Offloader
from server.offload.values import Outcome, Task
from server.policy.values import Call, Item
from server.state.snapshot import WorkingBatch
from server.store.history import History
from server.store.job_records import ItemRecord, JobCounts, JobRecord
from server.store.jobs import Jobs

ENGINE_LOOK = 1.0
"""Interval between attempts to reach an engine that is down (seconds). Items wait in the meantime."""
ENGINE_PAUSES = (2.0, 5.0, 15.0, 30.0)
"""Delay before each retry when an engine closed the connection or is overloaded (seconds)."""
PAUSED_LOOK = 1.0
"""Interval between checks for whether the user has resumed work (seconds)."""
MOST_WORKERS = 64
"""Maximum number of concurrent tasks. An engine's batching gains nothing beyond this, and each task holds
files in memory.
"""
DEFERRING = frozenset(
    error.code
    for error in (BackendUnreachable, EngineBusy, EngineChanged, StillDownloading, QueueFull, Paused)
)
"""Codes of outcomes that are not the item's fault; the item is requeued and runs again."""
MOST_BROKEN_TRIES = 3
"""Maximum tries for an item when the engine keeps closing the connection; the item may be the cause."""


Denies = Callable[[Call, Item], Awaitable[str]]
"""Returns why the policy does not let an item start; empty if it does."""


@dataclass(frozen=True)
class JobServices:
    """Services used by a run.

    Attributes:
        changed: called with the job's id after an item changes state.
        denies: see ``Denies``.
        is_paused: whether the user has paused all work.
        stop_failing: returns the setting ``[batch] stop_failing``.
    """

    engine: Engine
    offloader: Offloader
    jobs: Jobs
    history: History
    costs: CallCosts
    changed: Callable[[str], None]
    denies: Denies
    is_paused: Callable[[], bool]
    stop_failing: Callable[[], bool]


@dataclass(frozen=True)
class Deferred:
    """An item that did not finish and was requeued. ``tried`` means that the engine closed the connection
    while working on it.
    """

    tried: bool


class JobRun:
    """One run of a job, from its start or resume to its end or pause. Belongs to one event loop."""

    def __init__(self, job: JobRecord, services: JobServices) -> None:
        self.job = job
        self._services = services
        self._caller = caller_of(job)
        self._tally = Tally()
        self._tokens = 0
        self._items_in_all = self._left = 0
        # Held while an item's end is stored and counted, so that a recount sees both or neither.
        self._counting = asyncio.Lock()
        self._started = time.monotonic()
        self._unwanted: set[str] = set()
        # The text that the last task of a sequence returned, by position, because the history may not keep
        # texts.
        self._returned: dict[int, str] = {}
        self._stop = ""

    async def work(self) -> str:
        """Run all waiting items. Return why the job was stopped; empty if all items have ended.

        If the run is cancelled or fails, items stay marked as running: see ``recovery.settle_interrupted``.

        Raises:
            ExceptionGroup: a defect, or a store that cannot be written.
        """
        self._tokens = (await self.recount()).tokens
        async with asyncio.TaskGroup() as group:
            workers = WorkerPool(
                group, lambda: self._items(workers), most=1 if self.job.sequential else MOST_WORKERS
            )
            workers.scale_to(1)
        return self._stop

    @property
    def seconds_an_item(self) -> float | None:
        """Seconds per item in this run so far; None before the first item has ended."""
        ended = self._tally.ended
        return (time.monotonic() - self._started) / ended if ended else None

    @property
    def progress(self) -> WorkingBatch:
        """The batch with its progress; the numbers are 0 until the run has read them."""
        return WorkingBatch(self.job.id, self.job.task, self.job.client, self._items_in_all, self._left)

    async def recount(self) -> JobCounts:
        """Read and return the batch's counts. Call this after every change to its items by others."""
        async with self._counting:
            counts = await self._services.jobs.counts(self.job.id)
            self._items_in_all, self._left = counts.total, counts.total - counts.ended
        return counts

    async def cancel_item(self, offload_id: str) -> None:
        """Cancel the item of this offload, even if the offload has not started yet."""
        try:
            await self._services.offloader.cancel(offload_id)
        except NotFound:
            self._unwanted.add(offload_id)

    async def _items(self, workers: WorkerPool) -> None:
        """Run items one after another until none are waiting."""
        pauses = 0
        while not await self._must_stop():
            workers.scale_to(self._wanted())
            if self._services.is_paused():
                await asyncio.sleep(PAUSED_LOOK)
                continue
            # The engine is checked before an item starts, because each start is a row in the history.
            if not await self._engine_is_there():
                await asyncio.sleep(ENGINE_LOOK)
                continue
            offload_id = secrets.token_hex(4)
            item = await self._services.jobs.start_next_item(self.job.id, offload_id)
            if item is None:
                return
            if await self._do(item, offload_id):
                pauses = 0
            else:
                await asyncio.sleep(ENGINE_PAUSES[min(pauses, len(ENGINE_PAUSES) - 1)])
                pauses += 1

    async def _engine_is_there(self) -> bool:
        try:
            await self._services.engine.use()
        except BackendError:
            return False
        return True

    def _wanted(self) -> int:
        # More than the engine has slots: while some items generate, others read their files or write their
        # results.
        return 2 * self._services.engine.slots + 1

    async def _do(self, item: ItemRecord, offload_id: str) -> bool:
        """Run one item and write its result. Return False if the item must wait for the engine."""
        jobs = self._services.jobs
        ended = await self._run(item, offload_id)
        if isinstance(ended, Deferred):
            await jobs.requeue(self.job.id, item.position, tried=ended.tried)
            await self.recount()  # an item that was cancelled in the meantime has ended
        else:
            async with self._counting:
                await jobs.finish_item(self.job.id, ended)
                self._left -= 1
            self._tally = self._tally.with_item(ended)
            self._tokens += ended.tokens
        self._services.changed(self.job.id)
        return not isinstance(ended, Deferred)

    async def _run(self, item: ItemRecord, offload_id: str) -> ItemRecord | Deferred:
        """Run one item and return it, either with its result or as deferred."""
        history = self._services.history
        task = await task_of(self.job, item, self._services.jobs, history, self._returned)
        if isinstance(task, ItemRecord):
            return task
        workspace = self._services.offloader.workspace(self._caller)
        if (denied := await self._denied(item, workspace)) is not None:
            return denied
        outcome = await self._offload(task, item, offload_id, workspace)
        broke_off = outcome.code == BackendFailed.code and item.tries < MOST_BROKEN_TRIES
        if outcome.code in DEFERRING or broke_off:
            return Deferred(tried=broke_off)
        if self.job.sequential and outcome.name == "returned":
            self._returned = {item.position: outcome.attempts[-1].generation.text}
        return outcome_to_item(item, outcome, contents=history.contents)

    async def _denied(self, item: ItemRecord, workspace: Workspace) -> ItemRecord | None:
        """Return the item as denied if the current policy does not let it start; otherwise None."""
        reason = await self._services.denies(*await judged_item(self.job, item, workspace))
        return replace(item, state="denied", code=Denied.code, summary=reason) if reason else None

    async def _offload(self, task: Task, item: ItemRecord, offload_id: str, workspace: Workspace) -> Outcome:
        if offload_id in self._unwanted:
            return Outcome(offload_id, "cancelled", "cancelled: The user cancelled this item.", "cancelled")
        item_of = self._services.costs.of_item(self.job, item, self._items_in_all)
        return await self._services.offloader.run(
            task,
            self._caller,
            _silent,
            offload_id=offload_id,
            interactive=False,
            item_of=item_of,
            workspace=workspace,
        )

    async def _must_stop(self) -> bool:
        """Return whether the job has reached a limit. The first worker to notice records the limit."""
        job = self.job
        if not self._stop and (bound := job.limit_reached(self._tokens, time.time())):
            self._stop = f"Stopped at its {bound}."
        if not self._stop and self._services.stop_failing() and self._tally.suspicious:
            self._stop = why_stop(self._tally, await self._services.jobs.failures(job.id))
        return bool(self._stop)


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Ignore an item's progress; the job reports its progress as a count of items."""
