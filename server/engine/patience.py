"""Waits for an engine that is loading a model, restarting or busy."""

import asyncio
import time

from server.common.errors import EngineBusy

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0


class Patience:
    """The total time that one call may wait across all its tries (seconds)."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._pause = _FIRST_PAUSE

    async def wait(self, busy: EngineBusy) -> None:
        """Wait for the time requested by the engine before the next try.

        Raises:
            EngineBusy: ``busy``, because the time is or would be used up.
        """
        pause = busy.retry_after or self._pause
        if time.monotonic() + pause > self._deadline:
            raise busy
        await asyncio.sleep(pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
