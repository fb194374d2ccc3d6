"""Concurrency control: the number of parallel tasks, as reported by the engine or found by measurement.

Routers and servers with continuous batching report no number. For them, the number is doubled as long as that
raises throughput, and halved if fewer tasks do just as well. Throughput is measured on real work, and only
while tasks are waiting. The measurement is repeated from time to time, because machines behind a router come
and go.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from server.backends.base import Backend, Completed, GenerationItem, LoadedModel
from server.common.errors import QueueFull
from server.engine.queue import FairQueue

MAXIMUM = 32
"""Maximum number of parallel tasks to try. The user can set ``[backend] slots`` higher."""
GAIN = 1.15
"""Minimum throughput gain that justifies doubling the number of tasks. Anything smaller is noise."""
MINIMUM_SAMPLES = 6
"""Minimum number of finished tasks per measurement, or three per parallel task if that is more."""
HOLD_SECONDS = 120.0
"""How long to keep a number that neither a larger nor a smaller one could beat (seconds)."""
PROMPT_TOKEN_COST = 0.1
"""Cost of reading a prompt token relative to generating one. Engines read about ten times faster."""


class ConcurrencyControl:
    """Sets a queue's number of slots. Belongs to one event loop."""

    def __init__(self, queue: FairQueue, configured: int) -> None:
        self._queue = queue
        self._configured = configured
        self._backend: Backend | None = None
        self._limit: AdaptiveLimit | None = None

    async def refresh(self, backend: Backend, loaded: tuple[LoadedModel, ...], model: str) -> None:
        """Update the slots from what the engine reports. ``model`` is the default model, or empty if there is
        none.

        Raises:
            BackendError: the engine failed to answer.
        """
        if self._backend is not backend:
            self._backend, self._limit = backend, None
        if self._limit is None:
            self._queue.slots = self._configured or await _reported_slots(backend, loaded, model)
            if not self._configured and not backend.capabilities.tells_slots:
                self._limit = AdaptiveLimit(self._queue.slots)

    async def measured(
        self, items: AsyncGenerator[GenerationItem, None]
    ) -> AsyncGenerator[GenerationItem, None]:
        """Pass a generation through, measuring it while it still holds its slot."""
        try:
            async with aclosing(items):
                async for item in items:
                    if isinstance(item, Completed) and self._limit is not None:
                        prompt = (item.prompt_tokens - item.cached_tokens) * PROMPT_TOKEN_COST
                        work = item.completion_tokens + prompt
                        self._queue.slots = self._limit.task_ended(work, saturated=self._queue.waiting > 0)
                    yield item
        except QueueFull:
            if self._limit is not None:
                self._queue.slots = self._limit.overloaded()
            raise


class AdaptiveLimit:
    """A concurrency limit that adapts to measured throughput. ``clock`` returns seconds."""

    def __init__(self, start: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.value = start
        self._clock = clock
        self._previous: int | None = None
        self._increase_next = True
        self._hold_until = 0.0
        self._rates: dict[int, float] = {}
        self._begin_round()

    def task_ended(self, work: float, *, saturated: bool) -> int:
        """Record a finished task and return the number of tasks to run in parallel from now on.

        Args:
            work: size of the task, in any unit.
            saturated: whether tasks are waiting. If not, the engine is not the bottleneck, and the
                measurement starts over.
        """
        if not saturated:
            self._begin_round()
        elif self._warm_up > 0:  # started under the previous number
            self._warm_up -= 1
            self._began = self._clock()
        else:
            self._count += 1
            self._work += work
            if self._count >= max(MINIMUM_SAMPLES, 3 * self.value):
                self._evaluate(self._work / max(self._clock() - self._began, 1e-6))
                self._begin_round()
        return self.value

    def overloaded(self) -> int:
        """Halve the number immediately and keep it for a while, because the engine rejected a task."""
        self._keep(max(1, self.value // 2))
        self._begin_round()
        return self.value

    def _evaluate(self, rate: float) -> None:
        self._rates[self.value] = rate
        if self._previous is None:
            if self._clock() >= self._hold_until:
                self._try_next()
            return
        before = self._rates[self._previous]
        better = rate >= before * GAIN if self.value > self._previous else rate >= before / GAIN
        if better:
            self._previous = None
            self._continue()
        else:
            self._keep(self._previous)

    def _try_next(self) -> None:
        """Try twice as many tasks, and half as many the next time."""
        increase, self._increase_next = self._increase_next, not self._increase_next
        self._try(self.value * 2 if increase else self.value // 2)

    def _continue(self) -> None:
        """Keep going in the direction that worked."""
        self._try(self.value // 2 if self._increase_next else self.value * 2)

    def _try(self, value: int) -> None:
        if 1 <= value <= MAXIMUM:
            self._previous, self.value = self.value, value
        else:
            self._keep(self.value)

    def _keep(self, value: int) -> None:
        self.value, self._previous = value, None
        self._hold_until = self._clock() + HOLD_SECONDS

    def _begin_round(self) -> None:
        self._warm_up = self.value
        self._count = 0
        self._work = 0.0
        self._began = self._clock()


async def _reported_slots(backend: Backend, loaded: tuple[LoadedModel, ...], model: str) -> int:
    if loaded and backend.capabilities.tells_slots:
        return max(each.slots for each in loaded)
    return await backend.slots(model) if model else 1
