"""Tells who waits for a job, and everybody else, that it changed: often enough to look live, no oftener."""

import asyncio

from server.common.events import EventBus, JobChanged

# Between two events about the same job, in seconds. A page reads a job anew at each of them.
INTERVAL = 0.25


class JobNotifier:
    """What is new of jobs. For one event loop; the last change is always told."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._waited: dict[str, asyncio.Event] = {}
        self._quiet: dict[str, asyncio.TimerHandle] = {}
        self._untold: set[str] = set()

    def next(self, job_id: str) -> asyncio.Event:
        """Return what is set at the job's next change."""
        return self._waited.setdefault(job_id, asyncio.Event())

    def notify(self, job_id: str) -> None:
        """Wake whoever waits for the job, and publish that it changed, at once or when the last time is long
        enough ago."""
        self._waited.pop(job_id, asyncio.Event()).set()
        if job_id in self._quiet:
            self._untold.add(job_id)
        else:
            self._publish(job_id)

    def wake_all(self) -> None:
        """Wake whoever waits for any job."""
        for waited in self._waited.values():
            waited.set()
        self._waited.clear()

    async def close(self) -> None:
        """Publish what is left."""
        for timer in self._quiet.values():
            timer.cancel()
        self._quiet.clear()
        for job_id in self._untold:
            self._events.publish(JobChanged(job_id))
        self._untold.clear()

    def _publish(self, job_id: str) -> None:
        self._quiet[job_id] = asyncio.get_running_loop().call_later(INTERVAL, self._wake, job_id)
        self._events.publish(JobChanged(job_id))

    def _wake(self, job_id: str) -> None:
        self._quiet.pop(job_id, None)
        if job_id in self._untold:
            self._untold.discard(job_id)
            self._publish(job_id)
