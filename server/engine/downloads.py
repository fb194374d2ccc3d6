"""Model downloads: one per model, shared by all callers waiting for it."""

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

_REPORT_SECONDS = 0.25
_RATE_SECONDS = 10.0
"""Averaging window for the rate, because network speed fluctuates from second to second."""
_HEARTBEAT_SECONDS = 5.0
"""Interval for repeating unchanged progress, so that clients do not time out (after 10 s)."""

Start = Callable[[ReportPull], Awaitable[None]]


class _Rate:
    """Bytes per second over the last few seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, completed: int, now: float) -> float:
        """Record the number of bytes so far and return the rate, or 0 until it is known.

        Bytes from a resumed download are the baseline, because they all appear at once.
        """
        if self._samples and completed < self._samples[-1][1]:
            self._samples.clear()  # another source starts from the beginning
        self._samples.append((now, completed))
        while len(self._samples) > 2 and now - self._samples[0][0] > _RATE_SECONDS:
            self._samples.popleft()
        then, before = self._samples[0]
        return (completed - before) / (now - then) if now - then >= _REPORT_SECONDS else 0.0


@dataclass
class _Download:
    progress: PullProgress
    task: asyncio.Task[None]
    followers: int = 0
    detached: bool = False
    published_at: float = field(default=0.0)
    rate: _Rate = field(default_factory=_Rate)


class Downloads:
    """Runs downloads and reports to all followers. Publishes ``ModelProgress`` (phase ``download``)."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._running: dict[str, _Download] = {}

    def running(self) -> tuple[PullProgress, ...]:
        """Return the progress of each running download."""
        return tuple(download.progress for download in self._running.values())

    async def follow(self, model: str, report: ReportPull, start: Start, *, detach: bool = False) -> None:
        """Start the download or join one already running, and return once it is done.

        When its last follower is cancelled, the download stops, unless a follower asked to ``detach`` it.

        Raises:
            TokenSaverError: any error raised by ``start``.
        """
        download = self._running.get(model) or self._begin(model, start)
        download.followers += 1
        download.detached = download.detached or detach
        try:
            await self._report_until_done(download, report)
        finally:
            download.followers -= 1
            if not download.followers and not download.detached:
                await cancel_and_wait(download.task)

    async def cancel(self, model: str) -> None:
        """Cancel a download. The engine keeps the bytes it has received.

        Raises:
            NotFound: the download is not running.
        """
        download = self._running.get(model)
        if download is None:
            raise NotFound(
                f"No download of {model!r} is running.", "The dashboard lists the running downloads."
            )
        await cancel_and_wait(download.task)

    async def close(self) -> None:
        """Cancel every download."""
        for download in tuple(self._running.values()):
            await cancel_and_wait(download.task)

    async def _report_until_done(self, download: _Download, report: ReportPull) -> None:
        reported, reported_at = None, 0.0
        while True:
            done, _ = await asyncio.wait({download.task}, timeout=_REPORT_SECONDS)
            if done and download.task.cancelled():
                raise DownloadError(
                    "The download was cancelled.", "Start the download again; it continues where it stopped."
                )
            if download.progress != reported or time.monotonic() - reported_at >= _HEARTBEAT_SECONDS:
                reported, reported_at = download.progress, time.monotonic()
                await report(reported)
            if done:
                download.task.result()
                return

    def _begin(self, model: str, start: Start) -> _Download:
        async def update(progress: PullProgress) -> None:
            rate = download.rate.add(progress.completed, time.monotonic()) if progress.completed else 0.0
            download.progress = replace(progress, rate=rate)
            if time.monotonic() - download.published_at >= _REPORT_SECONDS:
                download.published_at = time.monotonic()
                self._publish(download.progress)

        async def run() -> None:
            await start(update)

        download = _Download(PullProgress(model, "starting"), asyncio.create_task(run()))
        self._running[model] = download
        self._publish(download.progress)
        download.task.add_done_callback(lambda task: self._ended(model, task))
        return download

    def _ended(self, model: str, task: asyncio.Task[None]) -> None:
        progress = self._running.pop(model).progress
        error = "cancelled" if task.cancelled() else str(task.exception() or "")
        if error:
            logger.warning("the download of %s failed: %s", model, error)
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
