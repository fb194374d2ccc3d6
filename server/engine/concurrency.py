"""How many tasks an engine works on at once: asked of it, or found out from its speed where it cannot tell.

Routers, and servers that batch whatever arrives, have no number to ask for. There the number is doubled
while that makes the engine faster, and halved where fewer do as well: measured on real work, only while
more of it waits, and again from time to time, as machines behind a router come and go.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from server.backends.base import Backend, Completed, GenerationItem, LoadedModel
from server.common.errors import QueueFull
from server.engine.queue import FairQueue

MOST = 32
"""More at once are tried on no engine unless the user sets ``[backend] slots``."""
GAIN = 1.15
"""How much faster the engine must get for twice as many: less is noise."""
FEWEST = 6
"""Ends that one measurement takes at least; three for each task at once, if these are more."""
HOLD_SECONDS = 120.0
"""How long a number is kept that neither more nor fewer beat."""
READING = 0.1
"""What reading one token of a prompt costs, in written ones: engines read some ten times faster."""


class Parallel:
    """Sets the slots of a queue. For one event loop."""

    def __init__(self, queue: FairQueue, configured: int) -> None:
        self._queue = queue
        self._configured = configured
        self._backend: Backend | None = None
        self._width: AdaptiveLimit | None = None

    async def refresh(self, backend: Backend, loaded: tuple[LoadedModel, ...], model: str) -> None:
        """Take in what the engine says of itself; ``model`` is the usual one, empty if there is none.

        Raises:
            BackendError: it was asked and failed.
        """
        if self._backend is not backend:
            self._backend, self._width = backend, None
        if self._width is None:
            self._queue.slots = self._configured or await _told(backend, loaded, model)
            if not self._configured and not backend.capabilities.tells_slots:
                self._width = AdaptiveLimit(self._queue.slots)

    async def measured(
        self, items: AsyncGenerator[GenerationItem, None]
    ) -> AsyncGenerator[GenerationItem, None]:
        """Pass on a generation, and take note of how it ends while its slot is still held."""
        try:
            async with aclosing(items):
                async for item in items:
                    if isinstance(item, Completed) and self._width is not None:
                        work = item.completion_tokens + (item.prompt_tokens - item.cached_tokens) * READING
                        self._queue.slots = self._width.ended(work, saturated=self._queue.waiting > 0)
                    yield item
        except QueueFull:
            if self._width is not None:
                self._queue.slots = self._width.refused()
            raise


class AdaptiveLimit:
    """The number of tasks at once, as found so far. ``clock`` counts seconds."""

    def __init__(self, start: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.value = start
        self._clock = clock
        self._from: int | None = None
        self._up_next = True
        self._hold_until = 0.0
        self._rates: dict[int, float] = {}
        self._begin_round()

    def ended(self, work: float, *, saturated: bool) -> int:
        """Take note of an ended task, its work in any unit, and return how many are to run at once from now.

        Only what ends while more tasks wait is measured: else the engine is not the one that is slow.
        """
        if not saturated:
            self._begin_round()
        elif self._warm_up > 0:  # these began when another number ran
            self._warm_up -= 1
            self._began = self._clock()
        else:
            self._count += 1
            self._work += work
            if self._count >= max(FEWEST, 3 * self.value):
                self._judge(self._work / max(self._clock() - self._began, 1e-6))
                self._begin_round()
        return self.value

    def refused(self) -> int:
        """Halve the number at once, and keep that for a while."""
        self._settle(max(1, self.value // 2))
        self._begin_round()
        return self.value

    def _judge(self, rate: float) -> None:
        self._rates[self.value] = rate
        if self._from is None:
            if self._clock() >= self._hold_until:
                self._try_next()
            return
        before = self._rates[self._from]
        better = rate >= before * GAIN if self.value > self._from else rate >= before / GAIN
        if better:
            self._from = None
            self._try_again()
        else:
            self._settle(self._from)

    def _try_next(self) -> None:
        """Try twice as many, the time after next half as many."""
        upwards, self._up_next = self._up_next, not self._up_next
        self._try(self.value * 2 if upwards else self.value // 2)

    def _try_again(self) -> None:
        """Go on in the direction that was right."""
        self._try(self.value // 2 if self._up_next else self.value * 2)

    def _try(self, value: int) -> None:
        if 1 <= value <= MOST:
            self._from, self.value = self.value, value
        else:
            self._settle(self.value)

    def _settle(self, value: int) -> None:
        self.value, self._from = value, None
        self._hold_until = self._clock() + HOLD_SECONDS

    def _begin_round(self) -> None:
        self._warm_up = self.value
        self._count = 0
        self._work = 0.0
        self._began = self._clock()


async def _told(backend: Backend, loaded: tuple[LoadedModel, ...], model: str) -> int:
    if loaded and backend.capabilities.tells_slots:
        return max(each.slots for each in loaded)
    return await backend.slots(model) if model else 1
