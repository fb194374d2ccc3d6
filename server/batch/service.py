"""All batches of a hub: submitted, watched, paused, resumed, cancelled, tried again.

A job and its items are rows before the first token. An item is marked ``running`` with the id of its
offload before that begins, so that after a crash the offload's own row tells whether it came to its end:
then the item is settled, else its file was put back and it is done again from the start.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.batch.cost import CallCosts
from server.batch.job_run import Denies, Parts, Run
from server.batch.notify import JobNotifier
from server.batch.permissions import held_by_user, refuse_agent
from server.batch.plan import Planned
from server.batch.recovery import settle_interrupted
from server.common.aio import BackgroundTasks, cancel_and_wait
from server.common.errors import NotFound, StoreError
from server.common.events import EventBus
from server.config.settings import BatchSettings
from server.engine.engine import Engine
from server.offload.pipeline import Offloader
from server.offload.values import Caller
from server.store.history import History
from server.store.job_records import FailureGroup, ItemRecord, JobCounts, JobRecord
from server.store.jobs import OPEN, Jobs
from server.store.records import OffloadFilter

logger = logging.getLogger(__name__)

# Offloads that an estimate of the time is taken from.
RECENT = 20
RETRY_SECONDS = 1.0
"""Between two tries to write what a full disk or a lock does not let in."""


@dataclass(frozen=True)
class _AtWork:
    run: Run
    task: asyncio.Task[None]


class BatchService:
    """All batches of this hub."""

    def __init__(
        self,
        *,
        limits: BatchSettings,
        engine: Engine,
        offloader: Offloader,
        jobs: Jobs,
        history: History,
        bills: CallCosts,
        events: EventBus,
        denies: Denies,
        is_paused: Callable[[], bool],
    ) -> None:
        self._limits = limits
        self._engine = engine
        self._offloader = offloader
        self._jobs = jobs
        self._history = history
        self._bills = bills
        self._notifier = JobNotifier(events)
        self._parts = Parts(
            engine,
            offloader,
            jobs,
            history,
            bills,
            self._notifier.notify,
            denies,
            is_paused,
            limits.stop_failing,
        )
        self._at_work: dict[str, _AtWork] = {}
        self._changes = BackgroundTasks()
        self.closed = False
        # Held while a job is stopped or started: two at once would start it twice.
        self._switching = asyncio.Lock()

    async def start(self) -> None:
        """Settle what a crash left in flight, and go on with every job that was running."""
        for job_id in await self._jobs.ids_with_running_items():
            await settle_interrupted(job_id, self._jobs, self._history)
            if (await self.get(job_id)).state not in OPEN:
                await self._bills.divide(job_id)
        for job in await self._jobs.open_jobs():
            if job.state == "running":
                self._launch(job)

    async def close(self) -> None:
        """Stop working; items in flight go back to waiting and are done again after the next start. Whoever
        waits for a job is told so by ``closed``."""
        self.closed = True
        self._notifier.wake_all()
        await self._changes.close()
        await cancel_and_wait(*(each.task for each in self._at_work.values()))
        await self._notifier.close()

    async def submit(self, planned: Planned, caller: Caller, hours: float = 0.0) -> str:
        """Write the job down, start it, and return its id; it is stopped after ``hours``, or after those of
        the settings if these are fewer or ``hours`` is 0. If this is cancelled, so is the job."""
        arguments = None if caller.by_user else caller.arguments
        # Texts of megabytes take a tenth of a second each to profitability.
        bill = await asyncio.to_thread(self._bills.of_call, arguments)
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
            # Nobody was told its id, so nobody else could cancel it.
            await self._changes.finish(self._unwanted(begun, job.id))
            raise
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

    async def charge(
        self, job_id: str, arguments: Mapping[str, Any] | None, text: str, caller: Caller | None = None
    ) -> None:
        """Book what an answer about the job cost Claude, and with ``arguments`` the call that asked."""
        await self._bills.charge(await self.get(job_id), self._bills.of_answer(arguments, text), caller)
        self._notifier.notify(job_id)

    async def counts(self, job_id: str) -> JobCounts:
        """Return how many items are in each state."""
        return await self._jobs.counts(job_id)

    async def failures(self, job_id: str) -> tuple[FailureGroup, ...]:
        """Return what went wrong, grouped by reason."""
        return await self._jobs.failures(job_id)

    async def unsuccessful_items(self, job_id: str) -> tuple[ItemRecord, ...]:
        """Return the items that ended without a result."""
        return await self._jobs.unsuccessful_items(job_id)

    async def time_left(self, job_id: str, counts: JobCounts | None = None) -> float | None:
        """Return the seconds left at the speed since this start, None until an item has ended; ``counts``
        spare reading them once more."""
        at_work = self._at_work.get(job_id)
        each = at_work.run.seconds_an_item if at_work else None
        if each is None:
            return None
        counts = counts or await self._jobs.counts(job_id)
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
        """Return whether the job ended or paused within this time, or before the hub closes.

        Raises:
            NotFound: there is no such job.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.closed:
                    # Taken before the state is read: what changes in between is not missed.
                    changed = self._notifier.next(job_id)
                    if (await self.get(job_id)).state != "running":
                        break
                    await changed.wait()
        return (await self.get(job_id)).state != "running"

    async def pause(self, job_id: str, *, by_user: bool = True) -> None:
        """Start no further items, and put those in flight back. What the user pauses, only the user resumes:
        not an agent, whose calls are not ``by_user``."""
        await self._changes.finish(self._pause(job_id, by_user=by_user))

    async def _pause(self, job_id: str, *, by_user: bool) -> None:
        async with self._switching:
            before = (await self.get(job_id)).state
            if before == "running" or (before == "paused" and by_user):
                await self._jobs.pause(job_id, user_locked=by_user)
                self._notifier.notify(job_id)
                await self._at_last(lambda: self._stop(job_id))

    async def resume(self, job_id: str, *, by_user: bool = True) -> None:
        """Go on with a paused or stopped job: for the user with as much time and as many tokens as it had at
        first, for an agent with what is left.

        Raises:
            Denied: that is nothing, or the user paused the job.
        """
        await self._changes.finish(self._resume(job_id, by_user=by_user))

    async def _resume(self, job_id: str, *, by_user: bool) -> None:
        async with self._switching:
            job = await self.get(job_id)
            if job.state in {"paused", "stopped"}:
                await self._jobs.restart(job_id, *await self._bounds(job, by_user=by_user))
                await self._start_again(job_id)
                self._notifier.notify(job_id)

    async def cancel(self, job_id: str, position: int | None = None, *, by_user: bool = True) -> None:
        """Cancel the item at ``position`` (from 0), or all that has not ended; what was written stays. What
        the user cancels, only the user tries again.

        Raises:
            NotFound: there is no such job or item.
        """
        await self._changes.finish(self._cancel(job_id, position, by_user=by_user))

    async def _cancel(self, job_id: str, position: int | None, *, by_user: bool) -> None:
        async with self._switching:
            job = await self.get(job_id)
            if position is not None:
                await self._cancel_item(job, position, by_user=by_user)
            elif job.state in {"running", "paused", "stopped"} or (job.state == "cancelled" and by_user):
                await self._jobs.cancel(job_id, user_locked=by_user)
                self._notifier.notify(job_id)
                await self._at_last(lambda: self._wind_up(job_id))
        self._notifier.notify(job_id)

    async def retry(self, job_id: str, position: int | None = None, *, by_user: bool = True) -> int:
        """Try the item at ``position`` (from 0) again, or all that ended without a result; return how many.
        For an agent that is within what is left of the job's time and tokens, and without items that the
        user cancelled.

        Raises:
            NotFound: there is no such job or item, or its tasks were not kept.
            Denied: nothing is left, or the user paused or cancelled the job or the item.
        """
        return await self._changes.finish(self._retry(job_id, position, by_user=by_user))

    async def _retry(self, job_id: str, position: int | None, *, by_user: bool) -> int:
        if position is not None:
            item = await self._item((await self.get(job_id)).id, position)
            if item.user_locked and not by_user:
                raise held_by_user(f"item {position} of job {job_id}", "cancelled")
        async with self._switching:
            job = await self.get(job_id)
            if not job.task:
                raise NotFound(
                    f"The tasks of job {job_id} were not kept: [history] contents is off.",
                    "Hand in anew what is missing.",
                )
            deadline, budget = await self._bounds(job, by_user=by_user)
            count, starts = await self._jobs.retry_failed(
                job_id, position, deadline=deadline, token_budget=budget, include_locked=by_user
            )
            if starts:  # a job that runs sees by itself that items wait again
                await self._start_again(job_id)
        self._notifier.notify(job_id)
        return count

    async def _begin(self, job: JobRecord, items: tuple[ItemRecord, ...]) -> None:
        await self._jobs.create(job, items)
        self._launch(job)
        self._notifier.notify(job.id)

    async def _unwanted(self, begun: asyncio.Task[None], job_id: str) -> None:
        await asyncio.wait([begun])
        if not begun.cancelled() and begun.exception() is None:
            await self._cancel(job_id, None, by_user=False)

    async def _start_again(self, job_id: str) -> None:
        await self._stop(job_id)  # a run that has ended may still be about to say so
        self._launch(await self.get(job_id))

    async def _bounds(self, job: JobRecord, *, by_user: bool) -> tuple[float | None, int]:
        """Return the deadline and the budget of tokens that a job goes on with.

        Raises:
            Denied: an agent asks, and only the user may.
        """
        tokens = (await self._jobs.counts(job.id)).tokens
        if not by_user:
            refuse_agent(job, tokens)
            return job.deadline, job.token_budget
        return self._deadline(), tokens + self._limits.max_tokens if self._limits.max_tokens else 0

    def _deadline(self, hours: float = 0.0) -> float:
        most = self._limits.max_hours
        return time.time() + 3600 * (min(hours, most) if hours > 0 else most)

    def _launch(self, job: JobRecord) -> None:
        run = Run(job, self._parts)
        task = asyncio.create_task(self._drive(run), name=f"batch {job.id}")
        at_work = self._at_work[job.id] = _AtWork(run, task)

        def forget(_: asyncio.Task[None]) -> None:
            # A later run of the same job may have taken its place.
            if self._at_work.get(job.id) is at_work:
                del self._at_work[job.id]

        task.add_done_callback(forget)

    async def _stop(self, job_id: str) -> None:
        at_work = self._at_work.get(job_id)
        if at_work is not None:
            await cancel_and_wait(at_work.task)
        await self._offloader.settled()
        await settle_interrupted(job_id, self._jobs, self._history)

    async def _wind_up(self, job_id: str) -> None:
        await self._stop(job_id)
        await self._bills.divide(job_id)

    async def _at_last(self, change: Callable[[], Awaitable[None]]) -> None:
        """Make the change as soon as the store takes it: a job must not be left half stopped."""
        while True:
            try:
                return await change()
            except StoreError as error:
                logger.warning("a batch waits for the store: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _drive(self, run: Run) -> None:
        """Let the job work until it has ended; items that came back meanwhile (a retry) are done, too."""
        job_id = run.job.id
        reason = ""
        try:
            while not reason:
                reason = await run.work()
                if not reason and await self._jobs.finish(job_id, self._bills.dividing(job_id)):
                    break
        except* Exception as errors:  # a defect or a full disk: the job stops and says so, the hub lives
            logger.exception("batch %s broke off", job_id)
            reason = f"Stopped by an error: {errors.exceptions[0]}"
        if reason:
            await self._at_last(lambda: self._stopped(job_id, reason))
        self._notifier.notify(job_id)

    async def _stopped(self, job_id: str, reason: str) -> None:
        await self._offloader.settled()
        await settle_interrupted(job_id, self._jobs, self._history)
        if (await self.get(job_id)).state == "running":
            await self._bills.divide(job_id)
            await self._jobs.set_state(job_id, "stopped", reason)

    async def _cancel_item(self, job: JobRecord, position: int, *, by_user: bool) -> None:
        await self._item(job.id, position)
        offload_id = await self._jobs.cancel_item(job.id, position, user_locked=by_user)
        at_work = self._at_work.get(job.id)
        if offload_id and at_work:
            await at_work.run.cancel_item(offload_id)

    async def _item(self, job_id: str, position: int) -> ItemRecord:
        item = await self._jobs.item(job_id, position)
        if item is None:
            raise NotFound(f"Job {job_id} has no item {position}.", "Items count from 0.")
        return item
