"""Measurement of a model: its record, early ends, and its effect on recommendations."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server.common.errors import BackendFailed, ModelNotFound, Paused
from server.common.events import Event, MeasureProgress
from server.config.sections import BackendSettings, EmbeddedSettings
from server.config.settings import Settings
from server.models import measure
from server.models.chores import load_chores
from server.models.evidence import gather_evidence
from server.models.measure import Measuring
from server.offload.values import Caller, Outcome, Task
from tests.engine_models import ENGINE_THREADS, SMOLLM2
from tests.hub_in_process import running_hub
from tests.models.test_chores import RIGHT, WRONG
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn

pytestmark = pytest.mark.anyio


def _at(ollama: OllamaStandIn, slots: int = 1) -> Settings:
    return Settings(backend=BackendSettings(kind="ollama", url=ollama.url, slots=slots))


def _answering(ollama: OllamaStandIn, right: set[str]) -> None:
    """Make the stand-in answer the named chores correctly and all others incorrectly."""
    ollama.answers.default = Answer("1\n2\n3\n")
    for chore in load_chores():
        ollama.answers.when(chore.task, (RIGHT if chore.name in right else WRONG)[chore.name])


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not holds():
            await asyncio.sleep(0.01)


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Discard progress."""


async def test_measurement_reports_progress_and_is_stored(ollama_standin: OllamaStandIn) -> None:
    right = {chore.name for chore in load_chores() if chore.category in ("coding", "translation")}
    _answering(ollama_standin, right)
    told: list[MeasureProgress] = []

    def listen(event: Event) -> None:
        if isinstance(event, MeasureProgress):
            told.append(event)

    async with running_hub(_at(ollama_standin)) as hub:
        hub.events.subscribe(listen)
        record = await hub.measure(CODER)
        assert {chore.name for chore in record.chores if chore.passed} == right
        assert all(chore.reason for chore in record.chores if not chore.passed)
        assert record.load_seconds is not None
        assert record.generate_rate > 0 < record.prompt_rate
        assert (record.slots, record.speedup) == (1, 1.0)
        assert [each.done for each in told] == list(range(3 + len(load_chores()) + 1))
        assert (told[-1].ended, told[-1].error) == (True, "")
        assert hub.snapshot().activities == ()
        assert hub.measuring.running == ""
        assert ollama_standin.loaded == {}, "it was not loaded before"
    async with running_hub(_at(ollama_standin)) as hub:
        [kept] = await hub.measuring.measurements.since(0.0, CODER)
        assert set(kept.chores) == set(record.chores)
        assert replace(kept, chores=()) == replace(record, chores=())
        known = await gather_evidence(hub.measuring.measurements, "coding")
        assert known[CODER].quality == 1.0
        assert (await gather_evidence(hub.measuring.measurements, "general"))[CODER].quality == 0.0


async def test_several_slots_are_measured_together() -> None:
    with OllamaStandIn(slots=3) as ollama:
        _answering(ollama, set())
        ollama.answers.default = Answer("1\n2\n3\n", delay=0.02)
        async with running_hub(_at(ollama, slots=3)) as hub:
            # One of several tries must succeed: a busy machine can delay a try without slowing the model.
            for _ in range(10):
                record = await hub.measure(CODER)
                if ollama.most_running == 3 and record.speedup > 1:
                    break
            assert record.slots == 3
            assert ollama.most_running == 3
            assert record.speedup > 1


async def test_cancelled_or_paused_measurement_is_not_stored(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer(ends="endless", delay=0.01)
    async with running_hub(_at(ollama_standin)) as hub:
        measuring = asyncio.create_task(hub.measure(CODER))
        await _until(lambda: ollama_standin.running == 1)
        assert hub.measuring.running == CODER
        [activity] = hub.snapshot().activities
        assert (activity.model, activity.phase) == (CODER, "measure")
        hub.measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
        await _until(lambda: ollama_standin.running == 0)
        measuring = asyncio.create_task(hub.measure(CODER))
        await _until(lambda: ollama_standin.running == 1)
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
        await _until(lambda: ollama_standin.running == 0)
        measuring = asyncio.create_task(hub.measure(CODER))
        await _until(lambda: ollama_standin.running == 1)
        hub.pause()
        with pytest.raises(Paused):
            await measuring
        assert await hub.measuring.measurements.since(0.0) == ()
        assert hub.measuring.running == ""
        assert hub.snapshot().activities == ()


async def test_failed_measurement_names_the_reason(ollama_standin: OllamaStandIn) -> None:
    async with running_hub(_at(ollama_standin)) as hub:
        with pytest.raises(ModelNotFound, match=CODER):
            await hub.measure("qwen2.5-coder:7b")
        ollama_standin.answers.default = Answer("1 2", ends="error")
        with pytest.raises(BackendFailed):
            await hub.measure(CODER)
        assert await hub.measuring.measurements.since(0.0) == ()


async def test_real_offloads_feed_speed_and_quality(ollama_standin: OllamaStandIn, tmp_path: Path) -> None:
    async with running_hub(_at(ollama_standin)) as hub:
        caller = Caller("test", "session", tmp_path, (tmp_path,))

        async def write(name: str, answer: str, category: str = "") -> Outcome:
            ollama_standin.answers.default = Answer(answer, delay=0.001)
            task = Task("Write a function that returns 1.", output=name, category=category, model=CODER)
            return await hub.offloader.run(task, caller, _silent)

        for number in range(3):
            outcome = await write(f"good_{number}.py", f"def one_{number}():\n    return 1\n")
            assert outcome.name == "delivered"
        assert (await write("bad.py", "def one(:\n")).name == "handed_back"
        known = (await gather_evidence(hub.measuring.measurements, "coding"))[CODER]
        assert known.quality == pytest.approx(3 / 4, abs=0.01)
        assert known.generate_rate > 0
        await hub.offloader.undo(outcome.offload_id)
        known = (await gather_evidence(hub.measuring.measurements, "coding"))[CODER]
        assert known.quality == pytest.approx(2 / 3, abs=0.01)
        assert (await gather_evidence(hub.measuring.measurements, "general"))[CODER].quality is None
        for number in range(2):
            await write(f"named_{number}.py", f"def two_{number}():\n    return 1\n", "general")
        assert (await gather_evidence(hub.measuring.measurements, "general"))[CODER].quality == 1.0


async def test_embedded_engine_is_measured_with_a_real_model(
    smollm2: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The steps are the same with less text.
    monkeypatch.setattr(measure, "SPEED_TOKENS", 24)
    monkeypatch.setattr(measure, "_LINES", 8)
    settings = Settings(
        backend=BackendSettings(kind="embedded"),
        embedded=EmbeddedSettings(model=SMOLLM2, slots=2, threads=ENGINE_THREADS),
    )
    async with running_hub(settings) as hub:
        chores = tuple(chore for chore in load_chores() if chore.name == "sort-out")
        measuring = Measuring(hub.engine, hub.measuring.measurements, hub.events, chores)
        record = await measuring.measure()
        assert record.model == SMOLLM2
        assert record.engine == "embedded"
        assert record.load_seconds
        assert record.generate_rate > 1 < record.prompt_rate
        assert record.slots == 2
        assert [chore.name for chore in record.chores] == ["sort-out"]
        assert hub.engine.view().loaded == ()
