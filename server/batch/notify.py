"""Throttled change notifications for jobs."""

import asyncio

from server.common.events import EventBus, JobChanged

INTERVAL = 0.25
"""Minimum interval between events for the same job (seconds). Pages reload the job on every event."""


class JobNotifier:
    """Wakes waiters and publishes ``JobChanged`` on one event loop. The last change is always published."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._waiters: dict[str, asyncio.Event] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unpublished: set[str] = set()

    def next(self, job_id: str) -> asyncio.Event:
        """Return an event that is set when the job next changes."""
        return self._waiters.setdefault(job_id, asyncio.Event())

    def notify(self, job_id: str) -> None:
        """Wake everything waiting on the job, and publish the change now or at the end of the interval."""
        self._waiters.pop(job_id, asyncio.Event()).set()
        if job_id in self._timers:
            self._unpublished.add(job_id)
        else:
            self._publish(job_id)

    def wake_all(self) -> None:
        """Wake everything waiting on any job."""
        for waited in self._waiters.values():
            waited.set()
        self._waiters.clear()

    async def close(self) -> None:
        """Publish any changes still held back."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for job_id in self._unpublished:
            self._events.publish(JobChanged(job_id))
        self._unpublished.clear()

    def _publish(self, job_id: str) -> None:
        self._timers[job_id] = asyncio.get_running_loop().call_later(INTERVAL, self._wake, job_id)
        self._events.publish(JobChanged(job_id))

    def _wake(self, job_id: str) -> None:
        self._timers.pop(job_id, None)
        if job_id in self._unpublished:
            self._unpublished.discard(job_id)
            self._publish(job_id)
