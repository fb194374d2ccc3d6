"""Waits for an engine that is loading a model, restarting or busy."""

import asyncio
import time

from server.common.errors import EngineBusy

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0


class Patience:
    """The time that one call waits in total over all its tries (seconds)."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._pause = _FIRST_PAUSE

    async def wait(self, busy: EngineBusy) -> None:
        """Wait before the next try, for the time that the engine requests.

        Raises:
            EngineBusy: ``busy``, because the time is used up or would be used up.
        """
        pause = busy.retry_after or self._pause
        if time.monotonic() + pause > self._deadline:
            raise busy
        await asyncio.sleep(pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
