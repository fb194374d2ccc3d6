"""The gate in front of the engine: closed, it keeps work out and ends at once what is inside."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.common.errors import Paused


@dataclass(frozen=True)
class Closing:
    """Why the gate is closed, one sentence, and until when: seconds since the epoch, 0 for "until it is
    opened"."""

    cause: str
    until: float = 0.0


class PauseGate:
    """Lets work pass while it is open. For use in one event loop."""

    def __init__(self) -> None:
        self._closing: Closing | None = None
        self._last = Closing("Offloading was paused.")
        self._inside: set[asyncio.Timeout] = set()

    def close(self, closing: Closing) -> None:
        """Keep work out from now on. What is inside meets ``Paused``, which frees the engine: it drops the
        connection."""
        self._closing = self._last = closing
        now = asyncio.get_running_loop().time()
        for work in self._inside:
            work.reschedule(now)
        self._inside.clear()

    def open(self) -> None:
        """Let work pass again."""
        self._closing = None

    def check(self) -> None:
        """Return if the gate is open.

        Raises:
            Paused: it is not.
        """
        closing = self._closing
        if closing is not None and not 0 < closing.until <= time.time():
            raise paused(closing)

    @asynccontextmanager
    async def passing(self) -> AsyncGenerator[None]:
        """Hold the time of one piece of work, which must lie in one task.

        Raises:
            Paused: the gate is closed, or was closed meanwhile.
        """
        self.check()
        work = asyncio.timeout(None)
        try:
            async with work:
                self._inside.add(work)
                try:
                    yield
                finally:
                    self._inside.discard(work)
        except TimeoutError:
            if work.expired():
                raise paused(self._last) from None
            raise


def paused(closing: Closing) -> Paused:
    """Return the error for work that is refused while the gate is closed."""
    return Paused(
        closing.cause,
        "Resume it in the tray's menu or on the dashboard.",
        "Do this task yourself, or ask the user.",
    )
