"""Pauses: during a call or a batch, across a restart, and by the app itself."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.batch.plan import plan_each
from server.common.errors import Paused
from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from server.offload.values import Caller, Outcome, Task
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

SECONDS = 60
NEVER = Answer(ends="endless", delay=0.01)


@asynccontextmanager
async def _hub(ollama: OllamaStandIn) -> AsyncIterator[Hub]:
    hub = await Hub.start(Settings(backend=BackendSettings(kind="ollama", url=ollama.url)), find_folders())
    try:
        yield hub
    finally:
        await hub.close()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


def _paused_for(hub: Hub, seconds: float) -> bool:
    hub.pause(time.time() + seconds)
    return hub.snapshot().state == "paused"


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Discard progress."""


def _write(hub: Hub, project: Path) -> "asyncio.Task[Outcome]":
    caller = Caller("test", "session", project, (project,))
    task = Task("Write a page about foxes.", output="foxes.md")
    return asyncio.create_task(hub.offloader.run(task, caller, _silent))


async def test_pause_ends_running_work_and_frees_the_engine(
    ollama_standin: OllamaStandIn, tmp_path: Path
) -> None:
    ollama_standin.answers.default = NEVER
    async with _hub(ollama_standin) as hub:
        running = [_write(hub, tmp_path), _write(hub, tmp_path)]  # the second waits for the only slot
        await _until(lambda: ollama_standin.running == 1)
        hub.pause()
        for each in running:
            outcome = await asyncio.wait_for(each, SECONDS)
            assert (outcome.name, outcome.code) == ("denied", "paused")
            assert "until resumed" in outcome.text
        await _until(lambda: ollama_standin.running == 0)
        assert hub.engine.waiting == 0
        with pytest.raises(Paused):
            hub.check_paused()
        hub.resume()
        ollama_standin.answers.default = Answer("# Foxes\n\nThey are red.\n")
        assert (await asyncio.wait_for(_write(hub, tmp_path), SECONDS)).name == "delivered"


async def test_pause_during_a_batch_requeues_its_item_until_resumed(
    ollama_standin: OllamaStandIn, tmp_path: Path
) -> None:
    ollama_standin.answers.default = NEVER
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.py").write_text(f"def {name}():\n    return 1\n")
    async with _hub(ollama_standin) as hub:
        planned = plan_each("Write notes.", ["a.py", "b.py", "c.py"], "{dir}/{stem}.md", {}, cap=10)
        job = await hub.batches.submit(planned, Caller("test", "session", tmp_path, (tmp_path,)))
        await _until(lambda: ollama_standin.running == 1)
        hub.pause()
        await _until(lambda: ollama_standin.running == 0)
        async with asyncio.timeout(SECONDS):
            while (await hub.batches.counts(job)).by_state != {"waiting": 3}:
                await asyncio.sleep(0.01)
        ollama_standin.answers.default = Answer("# Notes\n\nOne function.\n")
        hub.resume()
        assert await hub.batches.wait(job, SECONDS)
        assert (await hub.batches.counts(job)).by_state == {"delivered": 3}


async def test_pause_and_resume_survive_a_restart(ollama_standin: OllamaStandIn) -> None:
    async with _hub(ollama_standin) as hub:
        hub.pause(time.time() + 3600)
    async with _hub(ollama_standin) as hub:
        assert hub.snapshot().state == "paused"
        with pytest.raises(Paused, match=r"until \d\d:\d\d"):
            hub.check_paused()
        hub.resume()
    async with _hub(ollama_standin) as hub:
        assert hub.snapshot().paused_until is None
        hub.check_paused()


@pytest.mark.parametrize(
    "kept",
    [json.dumps({"until": 1.0}), "{", "[]", '{"until": "soon"}'],
    ids=["over", "not-json", "not-an-object", "not-a-number"],
)
async def test_expired_or_unreadable_pause_is_ignored(ollama_standin: OllamaStandIn, kept: str) -> None:
    folders = find_folders()
    folders.create()
    (folders.state / "pause.json").write_text(kept)
    async with _hub(ollama_standin) as hub:
        hub.check_paused()
        assert hub.snapshot().state != "paused"


async def test_timed_pause_ends_on_its_own_with_an_event(
    ollama_standin: OllamaStandIn, tmp_path: Path
) -> None:
    async with _hub(ollama_standin) as hub:
        told: list[str] = []
        hub.on_change(lambda: told.append(hub.snapshot().state))
        # On a busy machine a short pause may end before it is checked.
        assert any(_paused_for(hub, seconds) for seconds in (0.3, 3.0, 30.0))
        await _until(lambda: hub.snapshot().state != "paused" and told[-1:] not in ([], ["paused"]))
        hub.check_paused()
        ollama_standin.answers.default = Answer("# Foxes\n\nThey are red.\n")
        assert (await asyncio.wait_for(_write(hub, tmp_path), SECONDS)).name == "delivered"


async def test_pause_and_resume_from_another_thread(ollama_standin: OllamaStandIn, tmp_path: Path) -> None:
    ollama_standin.answers.default = NEVER
    async with _hub(ollama_standin) as hub:
        running = _write(hub, tmp_path)
        await _until(lambda: ollama_standin.running == 1)
        pausing, resuming = (threading.Thread(target=target) for target in (hub.pause, hub.resume))
        pausing.start()
        assert (await asyncio.wait_for(running, SECONDS)).code == "paused"
        pausing.join()
        resuming.start()
        await asyncio.to_thread(resuming.join)
        hub.check_paused()


async def test_a_cancellation_while_paused_stays_a_cancellation(
    ollama_standin: OllamaStandIn, tmp_path: Path
) -> None:
    ollama_standin.answers.default = NEVER
    async with _hub(ollama_standin) as hub:
        running = _write(hub, tmp_path)
        await _until(lambda: ollama_standin.running == 1)
        running.cancel()
        hub.pause()
        with pytest.raises(asyncio.CancelledError):
            await running
