"""A hub's batches: submit, wait, pause, resume, cancel, retry.

A job and its items are stored in the database before the first token. Before an item's offload starts, the
item is marked ``running`` with the offload's id, so after a crash the offload's own row shows whether it
ended. If it did, the item gets its result. Otherwise its file was rolled back, and the item runs again.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.batch.cost import CallCosts
from server.batch.job_run import Denies, JobRun, JobServices
from server.batch.notify import JobNotifier
from server.batch.permissions import locked_by_user, require_agent_may_continue
from server.batch.plan import Planned
from server.batch.recovery import settle_interrupted
from server.batch.until_stored import until_stored
from server.common.aio import BackgroundTasks, cancel_and_wait
from server.common.errors import NotFound
from server.common.events import EventBus
from server.config.sections import BatchSettings
from server.engine.engine import Engine
from server.offload.pipeline import Offloader
from server.offload.values import Caller
from server.state.snapshot import WorkingBatch
from server.store.history import History
from server.store.job_records import FailureGroup, ItemRecord, JobCounts, JobRecord
from server.store.job_states import OPEN, changes
from server.store.jobs import Jobs
from server.store.records import OffloadFilter

logger = logging.getLogger(__name__)

RECENT = 20
"""Number of past offloads used to estimate speed."""


@dataclass(frozen=True)
class _AtWork:
    run: JobRun
    task: asyncio.Task[None]


class BatchService:
    """All batches of this hub, on one event loop."""

    def __init__(
        self,
        *,
        limits: BatchSettings,
        engine: Engine,
        offloader: Offloader,
        jobs: Jobs,
        history: History,
        costs: CallCosts,
        events: EventBus,
        denies: Denies,
        is_paused: Callable[[], bool],
    ) -> None:
        self._limits = limits
        self._engine = engine
        self._offloader = offloader
        self._jobs = jobs
        self._history = history
        self._costs = costs
        self._notifier = JobNotifier(events)
        self._services = JobServices(
            engine,
            offloader,
            jobs,
            history,
            costs,
            self._notifier.notify,
            denies,
            is_paused,
            lambda: self._limits.stop_failing,
        )
        self._at_work: dict[str, _AtWork] = {}
        self._changes = BackgroundTasks()
        self.closed = False
        # Held while a job is stopped or started, because two simultaneous starts would start it twice.
        self._switching = asyncio.Lock()

    def use_limits(self, limits: BatchSettings) -> None:
        """Use these limits for jobs that start from now on; ``stop_failing`` applies to running jobs, too."""
        self._limits = limits

    async def start(self) -> None:
        """Recover the items that a crash interrupted, and continue every job that was running."""
        for job_id in await self._jobs.ids_with_running_items():
            await settle_interrupted(job_id, self._jobs, self._history)
            if (await self.get(job_id)).state not in OPEN:
                await self._costs.divide(job_id)
        for job in await self._jobs.open_jobs():
            if job.state == "running":
                self._launch(job)

    async def close(self) -> None:
        """Stop all jobs and wake waiters. Running items are requeued and run after the next start."""
        self.closed = True
        self._notifier.wake_all()
        await self._changes.close()
        await cancel_and_wait(*(each.task for each in self._at_work.values()))
        await self._notifier.close()

    async def submit(self, planned: Planned, caller: Caller, hours: float = 0.0) -> str:
        """Store the job, start it and return its id. Cancelling this call cancels the job.

        Args:
            hours: time after which the job stops. The limit from the settings applies if it is shorter or
            ``hours`` is 0.
        """
        arguments = None if caller.by_user else caller.arguments
        # Estimating the cost of megabytes of text takes a tenth of a second.
        bill = await asyncio.to_thread(self._costs.of_call, arguments)
        job = JobRecord(
            id=f"j{secrets.token_hex(4)}",
            created_at=time.time(),
            task=planned.task,
            client=caller.client,
            session=caller.session,
            project=str(caller.project or ""),
            roots=tuple(str(root) for root in caller.roots),
            sequential=planned.sequential,
            deadline=self._deadline(hours),
            token_budget=self._limits.max_tokens,
            tool_use_id=caller.tool_use_id,
            **vars(bill),
        )
        items = tuple(ItemRecord(position, arguments) for position, arguments in enumerate(planned.items))
        begun = self._changes.start(self._begin(job, items))
        try:
            await asyncio.shield(begun)
        except asyncio.CancelledError:
            # The caller did not get the id, so no one else could cancel the job.
            await self._changes.finish(self._cancel_unknown(begun, job.id))
            raise
        return job.id

    async def get(self, job_id: str) -> JobRecord:
        """Return the job with this id.

        Raises:
            NotFound: the job does not exist.
        """
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(
                f"There is no job {job_id!r}.",
                "`token-saver jobs` and the dashboard list the jobs.",
            )
        return job

    def working(self) -> tuple[WorkingBatch, ...]:
        """Return the jobs at work. Can be called from any thread."""
        return tuple(each.run.progress for each in tuple(self._at_work.values()))

    async def charge(
        self, job_id: str, arguments: Mapping[str, Any] | None, text: str, caller: Caller | None = None
    ) -> None:
        """Record the cost of an answer about the job. With ``arguments``, include the cost of the call."""
        await self._costs.charge(await self.get(job_id), self._costs.of_answer(arguments, text), caller)
        self._notifier.notify(job_id)

    async def counts(self, job_id: str) -> JobCounts:
        """Return the number of items in each state."""
        return await self._jobs.counts(job_id)

    async def failures(self, job_id: str) -> tuple[FailureGroup, ...]:
        """Return the failures, grouped by reason."""
        return await self._jobs.failures(job_id)

    async def unsuccessful_items(self, job_id: str) -> tuple[ItemRecord, ...]:
        """Return the items that ended without a result."""
        return await self._jobs.unsuccessful_items(job_id)

    async def time_left(self, job_id: str, counts: JobCounts | None = None) -> float | None:
        """Estimate the seconds left at this run's speed; None before an item has ended.

        Args:
            counts: the job's counts, if already known.
        """
        at_work = self._at_work.get(job_id)
        each = at_work.run.seconds_an_item if at_work else None
        if each is None:
            return None
        counts = counts or await self._jobs.counts(job_id)
        return each * (counts.total - counts.ended)

    async def estimate(self, planned: Planned) -> float | None:
        """Estimate the seconds the items would take at the speed of recent offloads; None without any."""
        recent = await self._history.page(OffloadFilter(outcome="delivered"), limit=RECENT)
        if not recent:
            return None
        each = sum(row.seconds for row in recent) / len(recent)
        width = 1 if planned.sequential else self._engine.slots
        return each * len(planned.items) / width

    async def wait(self, job_id: str, seconds: float) -> bool:
        """Wait until the job ends or pauses, the timeout expires, or the hub closes. Return whether the job
        ended or paused.

        Raises:
            NotFound: the job does not exist.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.closed:
                    # This is created before the state is read, so that no change in between is missed.
                    changed = self._notifier.next(job_id)
                    if (await self.get(job_id)).state != "running":
                        break
                    await changed.wait()
        return (await self.get(job_id)).state != "running"

    async def pause(self, job_id: str, *, by_user: bool = True) -> None:
        """Requeue the running items and start no more. An agent cannot resume a job that the user paused (an
        agent's calls are not ``by_user``).
        """
        await self._changes.finish(self._pause(job_id, by_user=by_user))

    async def _pause(self, job_id: str, *, by_user: bool) -> None:
        async with self._switching:
            before = (await self.get(job_id)).state
            if changes(before, "pause") or (before == "paused" and by_user):
                await self._jobs.pause(job_id, user_locked=by_user)
                self._notifier.notify(job_id)
                await until_stored(lambda: self._stop(job_id))

    async def resume(self, job_id: str, *, by_user: bool = True) -> None:
        """Resume a paused or stopped job. The user gets a fresh time and token limit; an agent gets what is
        left of the old one.

        Raises:
            Denied: nothing is left for an agent, or the user paused the job.
        """
        await self._changes.finish(self._resume(job_id, by_user=by_user))

    async def _resume(self, job_id: str, *, by_user: bool) -> None:
        async with self._switching:
            job = await self.get(job_id)
            if changes(job.state, "resume"):
                await self._jobs.restart(job_id, *await self._limits_for(job, by_user=by_user))
                await self._start_again(job_id)
                self._notifier.notify(job_id)

    async def cancel(self, job_id: str, position: int | None = None, *, by_user: bool = True) -> None:
        """Cancel the item at ``position`` (from 0), or all unfinished items. Files already written are kept.
        An agent cannot retry an item that the user cancelled.

        Raises:
            NotFound: the job or item does not exist.
        """
        await self._changes.finish(self._cancel(job_id, position, by_user=by_user))

    async def _cancel(self, job_id: str, position: int | None, *, by_user: bool) -> None:
        async with self._switching:
            job = await self.get(job_id)
            if position is not None:
                await self._cancel_item(job, position, by_user=by_user)
            elif changes(job.state, "cancel") or (job.state == "cancelled" and by_user):
                await self._jobs.cancel(job_id, user_locked=by_user)
                self._notifier.notify(job_id)
                await until_stored(lambda: self._finish_cancelling(job_id))
        self._notifier.notify(job_id)

    async def retry(self, job_id: str, position: int | None = None, *, by_user: bool = True) -> int:
        """Retry the item at ``position`` (from 0), or all items without a result. Return the number of items.

        An agent can use the job's remaining time and tokens. It cannot retry items that the user cancelled.

        Raises:
            NotFound: the job or item does not exist, or its tasks were not kept.
            Denied: nothing is left, or the user paused or cancelled the job or the item.
        """
        return await self._changes.finish(self._retry(job_id, position, by_user=by_user))

    async def _retry(self, job_id: str, position: int | None, *, by_user: bool) -> int:
        if position is not None:
            item = await self._item((await self.get(job_id)).id, position)
            if item.user_locked and not by_user:
                raise locked_by_user(f"item {position} of job {job_id}", "cancelled")
        async with self._switching:
            job = await self.get(job_id)
            if not job.task:
                raise NotFound(
                    f"The tasks of job {job_id} were not kept: [history] contents is off.",
                    "Submit the missing tasks as a new batch.",
                )
            deadline, budget = await self._limits_for(job, by_user=by_user)
            count, starts = await self._jobs.retry_failed(
                job_id, position, deadline=deadline, token_budget=budget, include_locked=by_user
            )
            if starts:  # a running job notices the waiting items automatically
                await self._start_again(job_id)
            elif at_work := self._at_work.get(job_id):
                await at_work.run.recount()
        self._notifier.notify(job_id)
        return count

    async def _begin(self, job: JobRecord, items: tuple[ItemRecord, ...]) -> None:
        await self._jobs.create(job, items)
        self._launch(job)
        self._notifier.notify(job.id)

    async def _cancel_unknown(self, begun: asyncio.Task[None], job_id: str) -> None:
        await asyncio.wait([begun])
        if not begun.cancelled() and begun.exception() is None:
            await self._cancel(job_id, None, by_user=False)

    async def _start_again(self, job_id: str) -> None:
        await self._stop(job_id)  # a run that has ended may not have stored this yet
        self._launch(await self.get(job_id))

    async def _limits_for(self, job: JobRecord, *, by_user: bool) -> tuple[float | None, int]:
        """Return the deadline and token budget for a job that continues.

        Raises:
            Denied: an agent asks, and only the user may continue the job.
        """
        tokens = (await self._jobs.counts(job.id)).tokens
        if not by_user:
            require_agent_may_continue(job, tokens)
            return job.deadline, job.token_budget
        return self._deadline(), tokens + self._limits.max_tokens if self._limits.max_tokens else 0

    def _deadline(self, hours: float = 0.0) -> float:
        most = self._limits.max_hours
        return time.time() + 3600 * (min(hours, most) if hours > 0 else most)

    def _launch(self, job: JobRecord) -> None:
        run = JobRun(job, self._services)
        task = asyncio.create_task(self._drive(run), name=f"batch {job.id}")
        at_work = self._at_work[job.id] = _AtWork(run, task)

        def forget(_: asyncio.Task[None]) -> None:
            # A later run of the same job may have replaced it.
            if self._at_work.get(job.id) is at_work:
                del self._at_work[job.id]

        task.add_done_callback(forget)

    async def _stop(self, job_id: str) -> None:
        at_work = self._at_work.get(job_id)
        if at_work is not None:
            await cancel_and_wait(at_work.task)
        await self._offloader.settled()
        await settle_interrupted(job_id, self._jobs, self._history)

    async def _finish_cancelling(self, job_id: str) -> None:
        await self._stop(job_id)
        await self._costs.divide(job_id)

    async def _drive(self, run: JobRun) -> None:
        """Run the job to its end, including any items that a retry adds in the meantime."""
        job_id = run.job.id
        reason = ""
        try:
            while not reason:
                reason = await run.work()
                if not reason and await self._jobs.finish(job_id, self._costs.dividing(job_id)):
                    break
        except* Exception as errors:  # a defect or a full disk stops the job, not the hub
            logger.exception("batch %s failed", job_id)
            reason = f"Stopped by an error: {errors.exceptions[0]}"
        if reason:
            await until_stored(lambda: self._stopped(job_id, reason))
        self._notifier.notify(job_id)

    async def _stopped(self, job_id: str, reason: str) -> None:
        await self._offloader.settled()
        await settle_interrupted(job_id, self._jobs, self._history)
        if changes((await self.get(job_id)).state, "stop"):
            await self._costs.divide(job_id)
            await self._jobs.set_state(job_id, "stopped", reason)

    async def _cancel_item(self, job: JobRecord, position: int, *, by_user: bool) -> None:
        await self._item(job.id, position)
        offload_id = await self._jobs.cancel_item(job.id, position, user_locked=by_user)
        at_work = self._at_work.get(job.id)
        if at_work:
            if offload_id:
                await at_work.run.cancel_item(offload_id)
            await at_work.run.recount()

    async def _item(self, job_id: str, position: int) -> ItemRecord:
        item = await self._jobs.item(job_id, position)
        if item is None:
            raise NotFound(f"Job {job_id} has no item {position}.", "Items are numbered from 0.")
        return item
