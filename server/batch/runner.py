"""Runs batches: durable jobs, as many items at once as the engine has slots, resumed after a crash.

A job and its items are rows before the first token. An item is marked ``running`` with the id of its
offload before that begins, so that after a crash the offload's own row tells whether its file was
written: then the item is settled, else it is done again from the start.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.backends.engine import Engine
from server.batch.breaker import why_stop
from server.batch.crew import Crew
from server.batch.inputs import expand_inputs
from server.batch.items import blocked, outcome_to_item, task_of
from server.batch.plan import Planned
from server.batch.recover import settle_interrupted
from server.errors import NotFound
from server.events import EventBus, JobChanged
from server.offload.pipeline import Offloader
from server.offload.values import Caller
from server.settings import BatchSettings
from server.store.history import History
from server.store.job_records import FailureGroup, ItemRecord, JobCounts, JobRecord
from server.store.jobs import Jobs
from server.store.records import OffloadFilter

logger = logging.getLogger(__name__)

# An engine that is down stops no batch: its items wait and are tried again after these pauses, in seconds.
ENGINE_PAUSES = (2.0, 5.0, 15.0, 30.0)
# Offloads that an estimate of the time is taken from.
RECENT = 20
# More tasks than this at once are of no use to an engine's batching, and hold files in memory.
MOST_WORKERS = 64
ENGINE_CODES = frozenset({"backend_unreachable", "still_downloading", "queue_full", "paused"})


@dataclass(frozen=True)
class Pace:
    """When this run of a job began (monotonic seconds), and how many items had ended then."""

    started: float
    ended_before: int


class Batches:
    """All batches of this hub."""

    def __init__(
        self,
        *,
        limits: BatchSettings,
        engine: Engine,
        offloader: Offloader,
        jobs: Jobs,
        history: History,
        events: EventBus,
    ) -> None:
        self._limits = limits
        self._engine = engine
        self._offloader = offloader
        self._jobs = jobs
        self._history = history
        self._events = events
        self._running: dict[str, asyncio.Task[None]] = {}
        self._paces: dict[str, Pace] = {}
        self._changed: dict[str, asyncio.Event] = {}

    async def start(self) -> None:
        """Settle what a crash left in flight, and go on with every job that was running."""
        for job in await self._jobs.open_jobs():
            await settle_interrupted(job, self._jobs, self._history)
            if job.state == "running":
                self._launch(job)

    async def close(self) -> None:
        """Stop working; items in flight go back to waiting and are done again after the next start."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def expand(self, each: Sequence[str], caller: Caller) -> tuple[str, ...]:
        """Return the inputs that ``each`` names; see ``inputs.expand_inputs``."""
        return await asyncio.to_thread(expand_inputs, self._offloader.workspace(caller), each)

    async def submit(self, planned: Planned, caller: Caller) -> str:
        """Write the job down, start it, and return its id."""
        job = JobRecord(
            id=f"j{secrets.token_hex(4)}",
            created_at=time.time(),
            task=planned.task,
            client=caller.client,
            session=caller.session,
            project=str(caller.project or ""),
            roots=tuple(str(root) for root in caller.roots),
            sequential=planned.sequential,
            deadline=time.time() + self._limits.max_hours * 3600,
            token_budget=self._limits.max_tokens,
            tool_use_id=caller.tool_use_id,
        )
        items = tuple(ItemRecord(position, arguments) for position, arguments in enumerate(planned.items))
        await self._jobs.create(job, items)
        self._launch(job)
        return job.id

    async def get(self, job_id: str) -> JobRecord:
        """Return the job.

        Raises:
            NotFound: there is no such job.
        """
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(
                f"There is no job {job_id!r}.",
                "`token-saver jobs` and the dashboard list the jobs there are.",
            )
        return job

    async def counts(self, job_id: str) -> JobCounts:
        """Return how many items are in each state."""
        return await self._jobs.counts(job_id)

    async def failures(self, job_id: str) -> tuple[FailureGroup, ...]:
        """Return what went wrong, grouped by reason."""
        return await self._jobs.failures(job_id)

    async def wrong_items(self, job_id: str) -> tuple[ItemRecord, ...]:
        """Return the items that ended without a result."""
        return await self._jobs.wrong_items(job_id)

    async def time_left(self, job_id: str) -> float | None:
        """Return the seconds left at the speed since this start, None until an item has ended."""
        pace = self._paces.get(job_id)
        counts = await self._jobs.counts(job_id)
        if pace is None or counts.ended <= pace.ended_before:
            return None
        each = (time.monotonic() - pace.started) / (counts.ended - pace.ended_before)
        return each * (counts.total - counts.ended)

    async def estimate(self, planned: Planned) -> float | None:
        """Return the seconds the items would take at the speed of the last offloads, None without any."""
        recent = await self._history.page(OffloadFilter(outcome="delivered"), limit=RECENT)
        if not recent:
            return None
        each = sum(row.seconds for row in recent) / len(recent)
        width = 1 if planned.sequential else self._engine.slots
        return each * len(planned.items) / width

    async def wait(self, job_id: str, seconds: float) -> bool:
        """Return whether the job ended or paused within this time.

        Raises:
            NotFound: there is no such job.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    # Taken before the state is read: what changes in between is not missed.
                    changed = self._changed.setdefault(job_id, asyncio.Event())
                    if (await self.get(job_id)).state != "running":
                        break
                    await changed.wait()
        return (await self.get(job_id)).state != "running"

    async def pause(self, job_id: str) -> None:
        """Start no further items, and put those in flight back."""
        if (await self.get(job_id)).state == "running":
            await self._end(job_id, "paused", "")
            await self._stop(job_id)

    async def resume(self, job_id: str) -> None:
        """Go on with a paused or stopped job."""
        job = await self.get(job_id)
        if job.state in {"paused", "stopped"}:
            await self._jobs.set_state(job_id, "running", "")
            self._launch(await self.get(job_id))

    async def cancel(self, job_id: str, position: int | None = None) -> None:
        """Cancel one item, or all that has not ended; what was written stays."""
        job = await self.get(job_id)
        if position is not None:
            await self._cancel_item(job, position)
            return
        if job.state in {"running", "paused", "stopped"}:
            await self._end(job_id, "cancelled", "")
            await self._stop(job_id)
            await self._jobs.cancel_waiting(job_id)

    async def retry(self, job_id: str) -> int:
        """Try the failed items again; return how many there are."""
        await self.get(job_id)
        count = await self._jobs.retry_failed(job_id)
        if count and job_id not in self._running:
            await self._jobs.set_state(job_id, "running", "")
            self._launch(await self.get(job_id))
        return count

    def _launch(self, job: JobRecord) -> None:
        task = asyncio.create_task(self._run(job), name=f"batch {job.id}")
        self._running[job.id] = task
        task.add_done_callback(lambda _: self._running.pop(job.id, None))

    async def _stop(self, job_id: str) -> None:
        task = self._running.get(job_id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, job: JobRecord) -> None:
        self._paces[job.id] = Pace(time.monotonic(), (await self._jobs.counts(job.id)).ended)
        broken = ""
        try:
            async with asyncio.TaskGroup() as group:
                crew = Crew(group, lambda: self._work(job, crew), most=1 if job.sequential else MOST_WORKERS)
                crew.grow(1)
        except* Exception as errors:  # a defect or a full disk: the job stops and says so, the hub lives
            logger.exception("batch %s broke off", job.id)
            broken = f"Stopped by an error: {errors.exceptions[0]}"
        if broken:
            await self._end(job.id, "stopped", broken)
        elif (await self.get(job.id)).state == "running":
            await self._end(job.id, "done", "")

    async def _work(self, job: JobRecord, crew: Crew) -> None:
        """Do one item after the other until none waits or the job is no longer running."""
        pauses = 0
        while (reason := await self._why_stop(job)) is None:
            # One more than the engine has slots: its files are read while the others generate.
            crew.grow(self._engine.slots + 1)
            offload_id = secrets.token_hex(4)
            item = await self._jobs.take(job.id, offload_id)
            if item is None:
                return
            settled = await self._do(job, item, offload_id)
            if settled:
                pauses = 0
            else:
                await asyncio.sleep(ENGINE_PAUSES[min(pauses, len(ENGINE_PAUSES) - 1)])
                pauses += 1
        if reason:
            await self._end(job.id, "stopped", reason)

    async def _do(self, job: JobRecord, item: ItemRecord, offload_id: str) -> bool:
        """Run one item and settle it; False when the engine was away and it has to wait."""
        caller = Caller(
            client=job.client,
            session=job.session,
            project=Path(job.project) if job.project else None,
            roots=tuple(Path(root) for root in job.roots),
            tool_use_id=job.tool_use_id,
        )
        without = await blocked(job, item, self._jobs)
        if without is not None:
            await self._jobs.settle(job.id, without)
            self._tell(job.id)
            return True
        try:
            task = await task_of(job, item, self._jobs, self._history)
            outcome = await self._offloader.run(
                task, caller, _silent, offload_id=offload_id, interactive=False
            )
        except asyncio.CancelledError:
            await asyncio.shield(self._jobs.release(job.id, item.position))
            raise
        if outcome.code in ENGINE_CODES:
            await self._jobs.release(job.id, item.position)
            self._tell(job.id)
            return False
        await self._jobs.settle(job.id, outcome_to_item(item, outcome))
        self._tell(job.id)
        return True

    async def _why_stop(self, job: JobRecord) -> str | None:
        """Return None to go on, a sentence to stop, and an empty text when it is stopped already."""
        current = await self.get(job.id)
        if current.state != "running":
            return ""
        if current.deadline is not None and time.time() > current.deadline:
            return "Stopped at its deadline."
        counts = await self._jobs.counts(job.id)
        if current.token_budget and counts.tokens >= current.token_budget:
            return f"Stopped at its budget of {current.token_budget:,} tokens."
        return why_stop(counts, await self._jobs.failures(job.id)) or None

    async def _end(self, job_id: str, state: str, reason: str) -> None:
        await self._jobs.set_state(job_id, state, reason)
        self._tell(job_id)

    async def _cancel_item(self, job: JobRecord, position: int) -> None:
        item = await self._jobs.item(job.id, position)
        if item is None:
            raise NotFound(f"Job {job.id} has no item {position}.", "Items count from 0.")
        if item.state == "running" and item.offload_id:
            await self._offloader.cancel(item.offload_id)
        elif item.state == "waiting":
            await self._jobs.cancel_waiting(job.id, position)
        self._tell(job.id)

    def _tell(self, job_id: str) -> None:
        """Wake whoever waits for the job, and publish that it changed."""
        self._changed.pop(job_id, asyncio.Event()).set()
        self._events.publish(JobChanged(job_id))


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Items report through events; the job's own progress is counted in items."""
