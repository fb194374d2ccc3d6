"""The gate in front of the engine. A closed gate admits no work, and closing it aborts work in progress."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.common.errors import Paused


@dataclass(frozen=True)
class PauseReason:
    """Why the gate is closed, as a sentence, and until when (seconds since the epoch; 0: until opened)."""

    cause: str
    until: float = 0.0


class PauseGate:
    """Admits work while it is open. Belongs to one event loop."""

    def __init__(self) -> None:
        self._reason: PauseReason | None = None
        self._last = PauseReason("Offloading was paused.")
        self._inside: set[asyncio.Timeout] = set()

    def close(self, reason: PauseReason) -> None:
        """Admit no more work. Work in progress ends with ``Paused``, which closes its connection and thereby
        frees the engine.
        """
        self._reason = self._last = reason
        now = asyncio.get_running_loop().time()
        for work in self._inside:
            work.reschedule(now)
        self._inside.clear()

    def open(self) -> None:
        """Admit work again."""
        self._reason = None

    def check(self) -> None:
        """Check that the gate is open.

        Raises:
            Paused: the gate is closed.
        """
        reason = self._reason
        if reason is not None and not 0 < reason.until <= time.time():
            raise paused(reason)

    @asynccontextmanager
    async def passing(self) -> AsyncGenerator[None]:
        """Pass through the gate while the context is open. The context must stay in one task.

        Raises:
            Paused: the gate is closed or was closed in the meantime.
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


def paused(reason: PauseReason) -> Paused:
    """Return the error for work refused while the gate is closed."""
    return Paused(
        reason.cause,
        "Resume offloading in the tray's menu or on the dashboard.",
        "Do this task yourself, or ask the user.",
    )
