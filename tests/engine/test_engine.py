"""The engine in use: discovery, polling, loss and recovery, and requests to it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from server.backends.base import Backend
from server.common.errors import BackendFailed, BackendUnreachable, ModelNotFound, QueueFull, SettingsError
from server.common.events import EngineChanged, Event, EventBus, ModelProgress
from server.config.folders import find_folders
from server.engine import engine as engine_module
from server.engine.admission import AdmitAll
from server.engine.engine import Engine
from tests.engine_requests import collect, request, settings
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel
from tests.standins.openai import MODEL, OpenAIStandIn
from tests.standins.serving import Exchange, Reply, eventually

pytestmark = pytest.mark.anyio


class Heard(list[Event]):
    """The published events."""

    def count_of(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self)


@asynccontextmanager
async def running(
    server: OllamaStandIn | OpenAIStandIn, *, start: bool = False, **options: Any
) -> AsyncIterator[tuple[Engine, Heard]]:
    events, heard = EventBus(), Heard()
    events.subscribe(heard.append)
    kind = "ollama" if isinstance(server, OllamaStandIn) else "openai"
    engine = Engine(settings(**{"kind": kind, "url": server.url, **options}), find_folders(), events)
    if start:
        await engine.start()
    try:
        yield engine, heard
    finally:
        await engine.close()


async def test_view_shows_the_discovered_engine(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin, start=True) as (engine, _):
        assert engine.view().error
        await eventually(lambda: engine.view().kind == "ollama")
        view = engine.view()
    assert view.error == ""
    assert view.label.startswith("Ollama 0.33")
    assert [model.name for model in view.installed] == [view.default_model] == [CODER]
    assert view.loaded == ()
    assert view.capabilities.pull


async def test_event_is_published_only_on_change(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin) as (engine, heard):
        for _ in range(5):
            await engine.refresh()
        assert heard.count_of(EngineChanged) == 1
        await engine.load(CODER, "-1")
        assert heard.count_of(EngineChanged) == 2
        await engine.refresh()
        assert heard.count_of(EngineChanged) == 2


async def test_polls_do_not_list_the_installed_models_each_time(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin) as (engine, _):
        for _ in range(5):
            await engine.refresh()
    paths = [exchange.path for exchange in ollama_standin.requests]
    assert paths.count("/api/ps") == 5
    assert paths.count("/api/tags") == 1


async def test_engine_that_stops_and_starts_again(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin) as (engine, _):
        assert (await collect(engine.generate(request())))[0] == "Hello!"

        ollama_standin.stop()
        for _ in range(2):
            with pytest.raises(BackendUnreachable, match="does not answer"):
                await collect(engine.generate(request()))
            with pytest.raises(BackendUnreachable, match="does not answer"):
                await engine.choose_model(None)
        assert "does not answer" in engine.view().error

        ollama_standin.restart()
        assert (await collect(engine.generate(request())))[0] == "Hello!"
        await engine.refresh()
        assert engine.view().error == ""
        assert [model.name for model in engine.view().loaded] == [CODER]


async def test_returning_engine_is_noticed_without_a_call(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.stop()
    async with running(ollama_standin, start=True) as (engine, _):
        await eventually(lambda: "ollama serve" in engine.view().error)
        ollama_standin.restart()
        await eventually(lambda: engine.view().error == "", seconds=60)


async def test_engine_that_stops_during_a_generation(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer("word " * 20, delay=0.05, ends="endless")
    async with running(ollama_standin) as (engine, _):

        async def stop_in_the_middle() -> None:
            async with aclosing(engine.generate(request())) as items:
                async for _item in items:
                    if ollama_standin.running:
                        await asyncio.to_thread(ollama_standin.stop)

        with pytest.raises(BackendFailed):
            await stop_in_the_middle()
        await eventually(lambda: "does not answer" in engine.view().error)


async def test_address_on_another_machine_is_refused(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin, url="http://10.1.2.3:11434") as (engine, _):
        await engine.refresh()
        assert "another machine" in engine.view().error
        with pytest.raises(SettingsError, match="allow_remote"):
            await engine.use()


async def test_chooses_a_loaded_model_first(ollama_standin: OllamaStandIn) -> None:
    gib = 1 << 30
    ollama_standin.models = {
        "llama3.2:3b": StandInModel(size=gib // 2),
        "qwen2.5-coder:0.5b": StandInModel(size=gib // 8),
        "qwen2.5-coder:1.5b": StandInModel(size=gib // 4),
        "deepseek-coder:671b": StandInModel(size=400 * 1024 * gib),
        "nomic-embed-text:latest": StandInModel(size=gib // 2, capabilities=("embedding",)),
    }
    async with running(ollama_standin) as (engine, _):
        assert await engine.choose_model(None) == "qwen2.5-coder:1.5b"
        await engine.load("llama3.2")
        assert await engine.choose_model(None) == "llama3.2:3b"
        assert engine.view().default_model == "llama3.2:3b"
    async with running(ollama_standin, model="qwen2.5-coder:0.5b") as (engine, _):
        assert await engine.choose_model(None) == "qwen2.5-coder:0.5b"
        assert await engine.choose_model("llama3.2") == "llama3.2:3b"


async def test_an_unknown_model(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin) as (engine, _):
        with pytest.raises(ModelNotFound, match="gpt-5"):
            await engine.choose_model("gpt-5")
        ollama_standin.models.clear()
        with pytest.raises(ModelNotFound, match="First download a model"):
            await engine.choose_model(None)


async def test_context_length_of_a_model_stays_the_same(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models["short:1b"] = StandInModel(context_length=2048)
    async with running(ollama_standin) as (engine, _):
        assert await engine.num_ctx(CODER) == 8192
        assert await engine.num_ctx("short:1b") == 2048
        assert await engine.num_ctx(CODER, need=9000) == 16384
        assert await engine.num_ctx(CODER) == await engine.num_ctx(CODER, need=100) == 16384
        assert await engine.num_ctx(CODER, need=10**6) == 32768
        assert await engine.num_ctx("short:1b", need=10**6) == 2048
        with pytest.raises(ModelNotFound):
            await engine.num_ctx("gone:1b")


class SlowForLittle(AdmitAll):
    """Takes longer if no length is needed."""

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:
        if not need:
            await asyncio.sleep(0.05)
        return await super().admit(backend, model, num_ctx, need)


async def test_concurrent_smaller_need_does_not_shorten_the_context(
    ollama_standin: OllamaStandIn,
) -> None:
    async with running(ollama_standin) as (engine, _):
        engine.admission = SlowForLittle()
        assert await engine.num_ctx(CODER) == 8192
        await asyncio.gather(engine.num_ctx(CODER), engine.num_ctx(CODER, need=9000))
        assert await engine.num_ctx(CODER) == 16384


async def test_the_context_of_a_loaded_model_is_kept(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin) as (engine, _):
        backend = await engine.use()
        await backend.load(CODER, 12_000)
        assert await engine.num_ctx(CODER) == 12_000
        await engine.load(CODER)
        await collect(engine.generate(request(num_ctx=await engine.num_ctx(CODER))))
    assert ollama_standin.loads == [(CODER, 12_000)]


async def test_the_configured_context_wins(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin, num_ctx=5000) as (engine, _):
        assert await engine.num_ctx(CODER) == await engine.num_ctx(CODER, need=9000) == 5000
    async with running(ollama_standin, num_ctx=100_000) as (engine, _):
        assert await engine.num_ctx(CODER) == 32768


async def test_fixed_context_of_a_server_is_used(openai_standin: OpenAIStandIn) -> None:
    async with running(openai_standin) as (engine, _):
        assert await engine.num_ctx(MODEL) == await engine.num_ctx(MODEL, need=10**6) == 4096


async def test_loads_and_unloads(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models[CODER] = StandInModel(load_seconds=0.05)
    async with running(ollama_standin) as (engine, heard):
        await engine.load("qwen2.5-coder", "-1")
        (loaded,) = engine.view().loaded
        assert (loaded.name, loaded.num_ctx, loaded.expires_at) == (CODER, 8192, None)
        assert [event for event in heard if isinstance(event, ModelProgress)] == [
            ModelProgress(CODER, "load"),
            ModelProgress(CODER, "load", done=True),
        ]
        await engine.load(CODER, "0")
        assert engine.view().loaded == ()
        await engine.unload(CODER)


async def test_refresh_started_before_a_load_does_not_overwrite_its_result() -> None:
    class Delayed(OllamaStandIn):
        looked = threading.Event()
        goes_on = threading.Event()

        async def _ps(self, body: dict[str, Any]) -> Reply:
            seen = await super()._ps(body)
            if not self.looked.is_set():
                self.looked.set()
                await eventually(self.goes_on.is_set)
            return seen

        async def _handle(self, exchange: Exchange) -> Reply:
            return await self._ps({}) if exchange.path == "/api/ps" else await super()._handle(exchange)

    with Delayed() as server:
        async with running(server) as (engine, _):
            looking = asyncio.create_task(engine.refresh())
            await eventually(server.looked.is_set)
            await engine.load(CODER, "-1")
            server.goes_on.set()
            await looking
            assert [model.name for model in engine.view().loaded] == [CODER]


async def test_loading_is_published(ollama_standin: OllamaStandIn) -> None:
    async with running(ollama_standin) as (engine, heard):
        await collect(engine.generate(request()))
        await engine.refresh()
        await collect(engine.generate(request()))
        assert [event.done for event in heard if isinstance(event, ModelProgress)] == [False, True]


async def test_generating_model_is_shown_as_loaded_before_the_next_poll(
    ollama_standin: OllamaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "IDLE_SECONDS", 3600.0)
    held = threading.Event()
    ollama_standin.answers.default = Answer("one two three", held=held)
    async with running(ollama_standin, start=True) as (engine, _):
        # One refresh that discovers the engine, and one soon after.
        await eventually(lambda: [each.path for each in ollama_standin.requests].count("/api/ps") >= 2)
        assert engine.view().loaded == ()
        writing = asyncio.create_task(collect(engine.generate(request())))
        await eventually(lambda: [each.name for each in engine.view().loaded] == [CODER])
        assert not writing.done()
        held.set()
        await writing


async def test_failed_load_ends_its_progress(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models["huge:70b"] = StandInModel(needs=48 << 30)
    async with running(ollama_standin) as (engine, heard):
        with pytest.raises(Exception, match="does not fit in memory"):
            await engine.load("huge:70b")
        last = [event for event in heard if isinstance(event, ModelProgress)][-1]
        assert last.done
        assert "model_too_large" in last.error


async def test_parallel_tasks_equal_the_engines_slots(
    ollama_standin: OllamaStandIn, openai_standin: OpenAIStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(ollama_standin) as (engine, _):
        await engine.refresh()
        assert engine.slots == 1
    monkeypatch.setenv("OLLAMA_NUM_PARALLEL", "3")
    async with running(ollama_standin) as (engine, _):
        await engine.refresh()
        assert engine.slots == 3
    async with running(ollama_standin, slots=2) as (engine, _):
        await engine.refresh()
        assert engine.slots == 2
    openai_standin.slots = 4
    async with running(openai_standin) as (engine, _):
        await engine.refresh()
        assert engine.slots == 4


async def test_queue_limits_concurrent_requests_to_the_engine(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer("a b c", delay=0.01)

    async def one(engine: Engine, client: str) -> None:
        async with engine.slot(client):
            await collect(engine.generate(request()))

    async with running(ollama_standin, queue_limit=5) as (engine, _):
        await asyncio.gather(*(one(engine, client) for client in "aabbcc"))
        assert ollama_standin.most_running == 1
        async with engine.slot("x"):
            waiting = [asyncio.create_task(one(engine, "y")) for _ in range(5)]
            await eventually(lambda: engine.waiting == 5)
            with pytest.raises(QueueFull):
                await one(engine, "z")
        await asyncio.gather(*waiting)
        # A client has its whole answer a moment before the stand-in records the end.
        await eventually(lambda: ollama_standin.outcomes("/api/chat") == ["answered"] * 11)


async def test_cancelling_reaches_the_engine(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer("never", first_delay=60)
    async with running(ollama_standin) as (engine, _):

        async def work() -> None:
            async with engine.slot("a"):
                await collect(engine.generate(request()))

        task = asyncio.create_task(work())
        await eventually(lambda: ollama_standin.running == 1)
        task.cancel()
        await eventually(lambda: ollama_standin.outcomes("/api/chat") == ["dropped"])
        async with engine.slot("b"):
            pass
