"""The open batches shown in the tray, read again whenever a batch changes."""

import concurrent.futures
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from server.common.events import Event, JobChanged
from server.hub import Hub
from server.store.job_records import JobCounts, JobRecord

logger = logging.getLogger(__name__)

OPEN_STATES = ("running", "paused")


@dataclass(frozen=True)
class Batch:
    """A batch: ``ended`` of ``total`` items have finished, ``wrong`` of them without a result."""

    id: str
    task: str
    state: str
    total: int
    ended: int
    wrong: int
    reason: str = ""

    @property
    def open(self) -> bool:
        """Return whether the batch is running or can be resumed."""
        return self.state in OPEN_STATES


class BatchWatch:
    """Tracks the open batches. ``on_change`` is called on the hub's thread with a batch's previous state
    (None if unknown) and its current one."""

    def __init__(self, hub: Hub, on_change: Callable[[Batch | None, Batch], None]) -> None:
        self._hub = hub
        self._on_change = on_change
        self._lock = threading.Lock()
        self._open: dict[str, Batch] = {}
        self._reading: dict[str, bool] = {}

    def open(self) -> tuple[Batch, ...]:
        """Return the open batches, oldest first."""
        with self._lock:
            return tuple(self._open.values())

    def take(self, event: Event) -> None:
        """Reload the batch that an event refers to. Never blocks."""
        if not isinstance(event, JobChanged):
            return
        with self._lock:
            under_way = event.job_id in self._reading
            # Any number of changes during a read lead to one more read.
            self._reading[event.job_id] = under_way
        if not under_way:
            self._start_reading(event.job_id)

    def _start_reading(self, job_id: str) -> None:
        future = self._hub.submit(self._read(job_id))
        future.add_done_callback(lambda done: self._settle(job_id, done))

    async def _read(self, job_id: str) -> Batch:
        job = await self._hub.batches.get(job_id)
        return _batch(job, await self._hub.batches.counts(job_id))

    def _settle(self, job_id: str, done: "concurrent.futures.Future[Batch]") -> None:
        with self._lock:
            again = self._reading.pop(job_id, False)
            if again:
                self._reading[job_id] = False
        if not done.cancelled():
            if (error := done.exception()) is None:
                self._keep(done.result())
            else:
                logger.error("could not read batch %s: %s", job_id, error)
        if again:
            self._start_reading(job_id)

    def _keep(self, batch: Batch) -> None:
        with self._lock:
            before = self._open.get(batch.id)
            if batch.open:
                self._open[batch.id] = batch
            else:
                self._open.pop(batch.id, None)
        self._on_change(before, batch)


def _batch(job: JobRecord, counts: JobCounts) -> Batch:
    return Batch(job.id, job.task, job.state, counts.total, counts.ended, counts.unsuccessful, job.reason)
