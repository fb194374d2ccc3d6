"""The watch over the engine: how often it is looked at, and what goes on in the background."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from server.common.aio import BackgroundTasks

logger = logging.getLogger(__name__)

WATCHED_SECONDS = 3.0
"""Between looks at what is loaded, while work runs or somebody looks on."""
IDLE_SECONDS = 15.0
"""The same at other times; also how soon a preferred engine that was started is noticed."""
LOST_SECONDS = 2.0
"""Between attempts to find an engine while there is none."""
_QUIET_SECONDS = 0.3
"""After a change, before looking: several often come together."""


class EnginePoll:
    """Calls ``look`` every ``interval()`` seconds, and soon after ``stir``."""

    def __init__(self, look: Callable[[], Awaitable[None]], interval: Callable[[], float]) -> None:
        self._look = look
        self._interval = interval
        self._stirred = asyncio.Event()
        self._tasks = BackgroundTasks()

    def start(self) -> None:
        """Begin, in the background."""
        self.in_background(self._watch())

    def wake(self) -> None:
        """Look soon: something changed."""
        self._stirred.set()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` beside the rest; ``close`` ends it."""
        self._tasks.start(work)

    async def close(self) -> None:
        """End it, and all that goes on in the background."""
        await self._tasks.close()

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:  # a look that went wrong is no reason never to look again
                logger.exception("a look at the engine failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval()):
                    await self._stirred.wait()
            await asyncio.sleep(_QUIET_SECONDS)
            self._stirred.clear()
