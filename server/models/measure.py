"""Measures a model on this machine: how fast it loads, reads and writes, and how many chores it gets
right.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from server.backends.base import Completed, GenerationRequest, Message, TextDelta
from server.common.events import EventBus, MeasureProgress
from server.engine.engine import Engine
from server.models.chores import Chore, JudgedChore, judged, load_chores
from server.store.measurements import ChoreRecord, MeasurementRecord, Measurements

CLIENT = "measure"
SYSTEM = "Answer with the result alone: no explanation, no example of use."
SPEED_TOKENS = 96
"""Number of tokens generated to measure speed: takes a few seconds on a CPU."""
MOST_PARALLEL = 4
_LINES = 40

MakeChores = Callable[[], Awaitable[tuple[JudgedChore, ...]]]
ReportMeasure = Callable[[MeasureProgress], Awaitable[None]]


@dataclass(frozen=True)
class _Timed:
    """One generation: seconds to the first token, and seconds after it."""

    text: str
    end: Completed
    first: float
    rest: float

    @property
    def prompt_rate(self) -> float:
        fresh = max(1, self.end.prompt_tokens - self.end.cached_tokens)
        return fresh / (self.end.prompt_seconds or max(self.first, 1e-3))

    @property
    def generate_rate(self) -> float:
        seconds = self.end.generate_seconds or max(self.rest, 1e-3)
        return self.end.completion_tokens / seconds


class Measuring:
    """Measures one model at a time. ``running`` is that model's name; empty when idle.

    Every generation queues behind interactive work. Pausing ends a measurement with ``Paused``. Incomplete
    measurements are not stored.
    """

    def __init__(
        self,
        engine: Engine,
        measurements: Measurements,
        events: EventBus,
        chores: tuple[Chore, ...] | None = None,
    ) -> None:
        self._chores = load_chores() if chores is None else chores
        self._engine = engine
        self.measurements = measurements
        self._events = events
        self._one = asyncio.Lock()
        self._work: asyncio.Task[MeasurementRecord] | None = None
        self.running = ""

    async def measure(
        self,
        model: str | None = None,
        report: ReportMeasure | None = None,
        own: MakeChores | None = None,
    ) -> MeasurementRecord:
        """Measure a model (None: the model in use), store the result and return it. ``own`` makes
        additional chores from the user's project, which can take minutes.

        Raises:
            ModelNotFound, ModelBlocked: the model does not exist, or the user has blocked it.
            BackendError: the engine is unreachable or failed.
            Paused: offloading is paused.
            StoreError: the result cannot be written.
        """
        async with self._one:
            name = await self._engine.choose_model(model)
            self.running = name
            steps = _Steps(name, 3 + len(self._chores) + (own is not None), self._events, report)
            error = "cancelled"
            try:
                self._work = asyncio.ensure_future(self._measure(name, steps, own))
                record = await self._work
                await self.measurements.add(record)
                error = ""
            except Exception as failure:
                error = str(failure)
                raise
            finally:
                self.running, self._work = "", None
                steps.end(error)
            return record

    def cancel(self) -> None:
        """Cancel the running measurement, if any. Its caller gets a ``CancelledError``."""
        if self._work is not None:
            self._work.cancel()

    async def _measure(self, model: str, steps: "_Steps", own: MakeChores | None) -> MeasurementRecord:
        chores = tuple(map(judged, self._chores))
        if own is not None:
            await steps.begin("chores of the project")
            more = await own()
            steps.add(len(more))
            chores += more
        engine = self._engine
        await steps.begin("load")
        was_loaded = any(each.name == model for each in engine.view().loaded)
        load_seconds = await self._load(model)
        num_ctx = await engine.num_ctx(model)
        await steps.begin("speed")
        alone = await self._timed(_speed_request(model, num_ctx))
        await steps.begin("parallel")
        slots = min(engine.slots, MOST_PARALLEL)
        speedup = await self._speedup(model, num_ctx, slots, alone)
        done = []
        for each in chores:
            await steps.begin(f"{each.chore.category}: {each.chore.name}")
            done.append(await self._do(each, model, num_ctx))
        backend = await engine.use()
        if not was_loaded and backend.capabilities.unload:
            await engine.unload(model)
        return MeasurementRecord(
            model=model,
            engine=backend.kind,
            measured_at=time.time(),
            num_ctx=num_ctx,
            slots=slots,
            load_seconds=load_seconds,
            prompt_rate=round(alone.prompt_rate, 2),
            generate_rate=round(alone.generate_rate, 2),
            speedup=round(speedup, 2),
            chores=tuple(done),
        )

    async def _load(self, model: str) -> float | None:
        """Return the seconds a cold load takes, or None if the engine cannot load and unload on request."""
        can = (await self._engine.use()).capabilities
        await self._engine.ensure_model(_ignore, model)
        if not (can.load and can.unload):
            return None
        async with self._engine.slot(CLIENT, interactive=False):
            await self._engine.unload(model)
            began = time.monotonic()
            await self._engine.load(model)
            return round(time.monotonic() - began, 2)

    async def _speedup(self, model: str, num_ctx: int, slots: int, alone: _Timed) -> float:
        if slots == 1:
            return 1.0
        began = time.monotonic()
        await asyncio.gather(*(self._timed(_speed_request(model, num_ctx)) for _ in range(slots)))
        return slots * (alone.first + alone.rest) / max(time.monotonic() - began, 1e-3)

    async def _do(self, given: JudgedChore, model: str, num_ctx: int) -> ChoreRecord:
        chore = given.chore
        messages = (Message("system", SYSTEM), Message("user", chore.task))
        timed = await self._timed(_request(model, messages, num_ctx, chore.max_tokens))
        cut = timed.end.finish_reason == "length"
        error = "cut by length" if cut else await given.judge(timed.text)
        seconds = round(timed.first + timed.rest, 2)
        return ChoreRecord(chore.name, chore.category, passed=not error, seconds=seconds, reason=error)

    async def _timed(self, request: GenerationRequest) -> _Timed:
        texts: list[str] = []
        first_at, end = 0.0, None
        async with self._engine.slot(CLIENT, interactive=False):
            began = time.monotonic()
            async with aclosing(self._engine.generate(request)) as items:
                async for item in items:
                    if isinstance(item, TextDelta):
                        first_at = first_at or time.monotonic()
                        texts.append("" if item.thinking else item.text)
                    elif isinstance(item, Completed):
                        end = item
            ended = time.monotonic()
        assert end is not None, "a generation ends with Completed"
        first_at = first_at or ended
        return _Timed("".join(texts), end, first_at - began, ended - first_at)


class _Steps:
    """Reports a measurement's progress."""

    def __init__(self, model: str, total: int, events: EventBus, report: ReportMeasure | None) -> None:
        self._model = model
        self._events = events
        self._report = report
        self._total = total
        self._begun = 0

    def add(self, more: int) -> None:
        """Add steps that were unknown at the start."""
        self._total += more

    async def begin(self, step: str) -> None:
        progress = MeasureProgress(self._model, step, self._begun, self._total)
        self._begun += 1
        self._events.publish(progress)
        if self._report is not None:
            await self._report(progress)

    def end(self, error: str) -> None:
        done = self._begun if error else self._total
        self._events.publish(MeasureProgress(self._model, "", done, self._total, ended=True, error=error))


def _speed_request(model: str, num_ctx: int) -> GenerationRequest:
    """Return a request with an uncached prompt of about 600 tokens and a full-length answer."""
    lines = (f"{number}. {secrets.token_hex(3)} waits in row {number * 7 % 40}" for number in range(_LINES))
    task = "\n".join((*lines, "Count from 1 to 200, one number a line, and write nothing else."))
    return _request(model, (Message("user", task),), num_ctx, SPEED_TOKENS)


def _request(model: str, messages: tuple[Message, ...], num_ctx: int, max_tokens: int) -> GenerationRequest:
    return GenerationRequest(model, messages, num_ctx, max_tokens, temperature=0.0, seed=7)


async def _ignore(_progress: object) -> None:
    """Ignore download progress, because downloads publish their own events."""
