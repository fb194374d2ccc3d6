"""One job at work: its workers take one item after the other until none waits or a bound is reached."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from server.batch.breaker import Tally, why_stop
from server.batch.cost import CallCosts
from server.batch.items import caller_of, judged_item, outcome_to_item, task_of
from server.batch.workers import WorkerPool
from server.common.errors import BackendError, NotFound
from server.engine.engine import Engine
from server.offload.files.workspace import Workspace
from server.offload.pipeline import Offloader
from server.offload.values import Outcome, Task
from server.policy.values import Call, Item
from server.store.history import History
from server.store.job_records import ItemRecord, JobRecord
from server.store.jobs import Jobs

# An engine that is down stops no batch: its items wait. Seconds between looks whether it is there again,
ENGINE_LOOK = 1.0
# and, for one that is there and breaks off or has too much to do, the pauses before it is tried again.
ENGINE_PAUSES = (2.0, 5.0, 15.0, 30.0)
# Between looks at whether the user lets work go on, in seconds.
PAUSED_LOOK = 1.0
# More tasks than this at once are of no use to an engine's batching, and hold files in memory.
MOST_WORKERS = 64
ENGINE_CODES = frozenset({"backend_unreachable", "still_downloading", "queue_full", "paused"})
# An item at which the engine broke off is tried this often in all: it may be what breaks it.
BROKEN_TRIES = 3


Denies = Callable[[Call, Item], Awaitable[str]]
"""Returns why the policy does not let an item begin, empty if it does."""


@dataclass(frozen=True)
class Parts:
    """What a run works with. ``changed`` is called with the job's id whenever an item is in another state;
    ``is_paused`` says whether the user paused all work; ``stop_failing`` is the setting."""

    engine: Engine
    offloader: Offloader
    jobs: Jobs
    history: History
    bills: CallCosts
    changed: Callable[[str], None]
    denies: Denies
    is_paused: Callable[[], bool]
    stop_failing: bool


@dataclass(frozen=True)
class Waits:
    """An item has not come to its end: the engine was away, or broke off at it, which is a try."""

    tried: bool


class Run:
    """One job at work, from a start or resume to its end or pause. For one event loop."""

    def __init__(self, job: JobRecord, parts: Parts) -> None:
        self.job = job
        self._parts = parts
        self._caller = caller_of(job)
        self._tally = Tally()
        self._tokens = 0
        self._items_in_all = 0
        self._started = time.monotonic()
        self._unwanted: set[str] = set()
        # What the last task of a sequence returned, by position: the history may keep no texts.
        self._returned: dict[int, str] = {}
        self._stop = ""

    async def work(self) -> str:
        """Do all items that wait, and return why the job was stopped: empty when none waits any more.

        Cancelled or broken off it leaves items marked as running: see ``recover.settle_interrupted``.

        Raises:
            ExceptionGroup: a defect, or a store that cannot be written.
        """
        counts = await self._parts.jobs.counts(self.job.id)
        self._tokens, self._items_in_all = counts.tokens, counts.total
        async with asyncio.TaskGroup() as group:
            workers = WorkerPool(
                group, lambda: self._items(workers), most=1 if self.job.sequential else MOST_WORKERS
            )
            workers.scale_to(1)
        return self._stop

    @property
    def seconds_an_item(self) -> float | None:
        """The seconds from one end of an item to the next, as this run went; None until one has ended."""
        ended = self._tally.ended
        return (time.monotonic() - self._started) / ended if ended else None

    async def cancel_item(self, offload_id: str) -> None:
        """End the item that this offload works on, even if it has not got so far as to begin."""
        try:
            await self._parts.offloader.cancel(offload_id)
        except NotFound:
            self._unwanted.add(offload_id)

    async def _items(self, workers: WorkerPool) -> None:
        """Do one item after the other until none waits."""
        pauses = 0
        while not await self._must_stop():
            workers.scale_to(self._wanted())
            if self._parts.is_paused():
                await asyncio.sleep(PAUSED_LOOK)
                continue
            # Asked before an item is taken: each one that is begun is a row in the history.
            if not await self._engine_is_there():
                await asyncio.sleep(ENGINE_LOOK)
                continue
            offload_id = secrets.token_hex(4)
            item = await self._parts.jobs.start_next_item(self.job.id, offload_id)
            if item is None:
                return
            if await self._do(item, offload_id):
                pauses = 0
            else:
                await asyncio.sleep(ENGINE_PAUSES[min(pauses, len(ENGINE_PAUSES) - 1)])
                pauses += 1

    async def _engine_is_there(self) -> bool:
        try:
            await self._parts.engine.use()
        except BackendError:
            return False
        return True

    def _wanted(self) -> int:
        # Some more than the engine has slots: files of the next ones are read, and answers of the last ones
        # checked and written, while the others generate.
        return 2 * self._parts.engine.slots + 1

    async def _do(self, item: ItemRecord, offload_id: str) -> bool:
        """Run one item and settle it; False when the engine was away and it has to wait."""
        jobs = self._parts.jobs
        ended = await self._run(item, offload_id)
        if isinstance(ended, Waits):
            await jobs.requeue(self.job.id, item.position, tried=ended.tried)
        else:
            await jobs.finish_item(self.job.id, ended)
            self._tally = self._tally.with_item(ended)
            self._tokens += ended.tokens
        self._parts.changed(self.job.id)
        return not isinstance(ended, Waits)

    async def _run(self, item: ItemRecord, offload_id: str) -> ItemRecord | Waits:
        """Run one item and return it as it ended, or that it has to wait."""
        history = self._parts.history
        task = await task_of(self.job, item, self._parts.jobs, history, self._returned)
        if isinstance(task, ItemRecord):
            return task
        workspace = self._parts.offloader.workspace(self._caller)
        if (denied := await self._denied(item, workspace)) is not None:
            return denied
        outcome = await self._offload(task, item, offload_id, workspace)
        broke_off = outcome.code == "backend_failed" and item.tries < BROKEN_TRIES
        if outcome.code in ENGINE_CODES or broke_off:
            return Waits(tried=broke_off)
        if self.job.sequential and outcome.name == "returned":
            self._returned = {item.position: outcome.attempts[-1].generation.text}
        return outcome_to_item(item, outcome, contents=history.contents)

    async def _denied(self, item: ItemRecord, workspace: Workspace) -> ItemRecord | None:
        """Return the item as denied where the user's rules, as they are by now, do not let it begin."""
        reason = await self._parts.denies(*await judged_item(self.job, item, workspace))
        return replace(item, state="denied", code="denied", summary=reason) if reason else None

    async def _offload(self, task: Task, item: ItemRecord, offload_id: str, workspace: Workspace) -> Outcome:
        if offload_id in self._unwanted:
            return Outcome(offload_id, "cancelled", "cancelled: The user cancelled this item.", "cancelled")
        item_of = self._parts.bills.of_item(self.job, item, self._items_in_all)
        return await self._parts.offloader.run(
            task,
            self._caller,
            _silent,
            offload_id=offload_id,
            interactive=False,
            item_of=item_of,
            workspace=workspace,
        )

    async def _must_stop(self) -> bool:
        """Return whether a bound of the job is reached; the first worker to find out says which."""
        job = self.job
        if not self._stop and (bound := job.limit_reached(self._tokens, time.time())):
            self._stop = f"Stopped at its {bound}."
        if not self._stop and self._parts.stop_failing and self._tally.suspicious:
            self._stop = why_stop(self._tally, await self._parts.jobs.failures(job.id))
        return bool(self._stop)


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Items report through events; the job's own progress is counted in items."""
