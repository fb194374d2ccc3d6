"""Polls the engine and runs background tasks for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from server.common.aio import BackgroundTasks

logger = logging.getLogger(__name__)

WATCHED_SECONDS = 3.0
"""Polling interval while work is running or a page is showing the engine."""
IDLE_SECONDS = 15.0
"""Polling interval at other times. This is also how long it takes to notice that a better engine started."""
LOST_SECONDS = 2.0
"""Interval between attempts to discover an engine while none is active."""
_COALESCE_SECONDS = 0.3
"""Delay between a change and the poll it triggers, because changes often come in bursts."""


class EnginePoll:
    """Calls ``refresh`` every ``interval()`` seconds and shortly after ``wake``."""

    def __init__(self, refresh: Callable[[], Awaitable[None]], interval: Callable[[], float]) -> None:
        self._refresh = refresh
        self._interval = interval
        self._woken = asyncio.Event()
        self._tasks = BackgroundTasks()

    def start(self) -> None:
        """Start polling in the background."""
        self.in_background(self._poll())

    def wake(self) -> None:
        """Poll soon, because the engine's state changed."""
        self._woken.set()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` in the background. ``close`` cancels it."""
        self._tasks.start(work)

    async def close(self) -> None:
        """Stop polling and cancel all background work."""
        await self._tasks.close()

    async def _poll(self) -> None:
        while True:
            try:
                await self._refresh()
            except Exception:  # one failed poll must not end the polling
                logger.exception("polling the engine failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval()):
                    await self._woken.wait()
            await asyncio.sleep(_COALESCE_SECONDS)
            self._woken.clear()
