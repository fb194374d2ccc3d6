"""Downloads of models, each once, however many wait for it."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from server.backends.base import PullProgress, ReportPull
from server.common.aio import cancel_and_wait
from server.common.errors import DownloadError, NotFound
from server.common.events import EventBus, ModelProgress

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25
_PACE_SECONDS = 10.0
"""Over how long the rate is taken: a network's pace jumps from second to second."""
_HEARTBEAT_SECONDS = 5.0
"""Progress is repeated this often while nothing changes, so that clients don't give up (limit: 10 s)."""

Start = Callable[[ReportPull], Awaitable[None]]


class _Pace:
    """Bytes a second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, completed: int, now: float) -> float:
        """Take in how much has arrived and return the rate, 0 until there is one.

        What a resumed download had before counts as where it begins: it arrives in one step.
        """
        if self._seen and completed < self._seen[-1][1]:
            self._seen.clear()  # another source begins anew
        self._seen.append((now, completed))
        while len(self._seen) > 2 and now - self._seen[0][0] > _PACE_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        return (completed - before) / (now - then) if now - then >= _LOOK_SECONDS else 0.0


@dataclass
class _Download:
    progress: PullProgress
    task: asyncio.Task[None]
    followers: int = 0
    kept: bool = False
    published_at: float = field(default=0.0)
    pace: _Pace = field(default_factory=_Pace)


class Downloads:
    """Runs downloads and tells all who wait. Publishes ``ModelProgress`` (phase ``download``)."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._running: dict[str, _Download] = {}

    def running(self) -> tuple[PullProgress, ...]:
        """Return how far each download is."""
        return tuple(download.progress for download in self._running.values())

    async def follow(self, model: str, report: ReportPull, start: Start, *, keep: bool = False) -> None:
        """Start the download, or join the one under way, and return when it is done.

        When the last follower is cancelled the download ends, unless one asked to ``keep`` it going.

        Raises:
            TokenSaverError: whatever ``start`` raises.
        """
        download = self._running.get(model) or self._begin(model, start)
        download.followers += 1
        download.kept = download.kept or keep
        try:
            await self._report_until_done(download, report)
        finally:
            download.followers -= 1
            if not download.followers and not download.kept:
                await cancel_and_wait(download.task)

    async def cancel(self, model: str) -> None:
        """End a download; what has arrived is kept by the engine.

        Raises:
            NotFound: none of that name is under way.
        """
        download = self._running.get(model)
        if download is None:
            raise NotFound(
                f"No download of {model!r} is under way.", "See the running ones on the dashboard."
            )
        await cancel_and_wait(download.task)

    async def close(self) -> None:
        """End every download."""
        for download in tuple(self._running.values()):
            await cancel_and_wait(download.task)

    async def _report_until_done(self, download: _Download, report: ReportPull) -> None:
        told, told_at = None, 0.0
        while True:
            done, _ = await asyncio.wait({download.task}, timeout=_LOOK_SECONDS)
            if done and download.task.cancelled():
                raise DownloadError("The download was cancelled.", "Start it again; it goes on where it was.")
            if download.progress != told or time.monotonic() - told_at >= _HEARTBEAT_SECONDS:
                told, told_at = download.progress, time.monotonic()
                await report(told)
            if done:
                download.task.result()
                return

    def _begin(self, model: str, start: Start) -> _Download:
        async def note(progress: PullProgress) -> None:
            rate = download.pace.note(progress.completed, time.monotonic()) if progress.completed else 0.0
            download.progress = replace(progress, rate=rate)
            if time.monotonic() - download.published_at >= _LOOK_SECONDS:
                download.published_at = time.monotonic()
                self._publish(download.progress)

        async def run() -> None:
            await start(note)

        download = _Download(PullProgress(model, "starting"), asyncio.create_task(run()))
        self._running[model] = download
        self._publish(download.progress)
        download.task.add_done_callback(lambda task: self._ended(model, task))
        return download

    def _ended(self, model: str, task: asyncio.Task[None]) -> None:
        progress = self._running.pop(model).progress
        error = "cancelled" if task.cancelled() else str(task.exception() or "")
        if error:
            logger.warning("download of %s ended: %s", model, error)
        self._publish(progress, done=True, error=error)

    def _publish(self, progress: PullProgress, *, done: bool = False, error: str = "") -> None:
        self._events.publish(
            ModelProgress(
                progress.model,
                "download",
                progress.completed,
                progress.total,
                done,
                error,
                0.0 if done else progress.rate,
            )
        )
