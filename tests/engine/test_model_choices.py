"""Chosen models: when the engine changes meanwhile, and how long they stay loaded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.backends.embedded.backend import EmbeddedBackend
from server.common.errors import BackendUnsupported, EngineChanged, ModelNotFound
from server.common.events import EventBus
from server.config.folders import Folders, find_folders
from server.engine.engine import Engine
from tests.engine_requests import collect, request, settings
from tests.standins.ollama import CODER, OllamaStandIn
from tests.standins.openai import MODEL, OpenAIStandIn

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Engine]:
    engine = Engine(settings(**options), find_folders(), EventBus())
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, ollama_standin: OllamaStandIn) -> None:
    """Only the stand-in for Ollama is found."""
    monkeypatch.setattr("server.engine.discovery.USUAL_URLS", ())
    monkeypatch.setenv("OLLAMA_HOST", ollama_standin.url)


def _put_weights(folders: Folders) -> str:
    """Put a file in place of the embedded engine's weights and return the model's name."""
    name = "qwen2.5-coder-1.5b"
    folders.models.mkdir(parents=True)
    (folders.models / f"{name}.gguf").write_bytes(b"GGUF")
    return name


@pytest.mark.usefixtures("alone")
async def test_a_model_chosen_before_the_engine_changed_is_chosen_again(
    ollama_standin: OllamaStandIn,
) -> None:
    embedded = _put_weights(find_folders())
    async with running() as engine:
        chosen = await engine.choose_model(None)
        assert chosen == CODER
        ollama_standin.stop()
        await engine.refresh()
        with pytest.raises(EngineChanged):
            await collect(engine.generate(request(model=chosen)))
        with pytest.raises(EngineChanged):
            await engine.num_ctx(chosen)
        assert await engine.choose_model(None) == embedded


async def test_a_model_that_is_unknown_on_the_same_engine_is_not_found(
    ollama_standin: OllamaStandIn,
) -> None:
    async with running(kind="ollama", url=ollama_standin.url) as engine:
        await engine.choose_model(None)
        with pytest.raises(ModelNotFound):
            await collect(engine.generate(request(model="other:1b")))


@pytest.mark.usefixtures("alone")
async def test_a_server_without_models_gives_way_to_weights_on_disk(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models.clear()
    name = _put_weights(find_folders())
    async with running() as engine:
        assert await engine.choose_model(None) == name
        await engine.refresh()
        assert engine.view().notice.endswith(
            f"127.0.0.1:{ollama_standin.port} is not used because it has no model."
        )
        await engine.prefer_server()
        assert engine.view().kind == "embedded"


@pytest.mark.usefixtures("alone")
async def test_a_server_without_models_is_used_if_there_are_no_weights(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models.clear()
    async with running() as engine:
        assert (await engine.use()).kind == "ollama"


async def test_not_found_names_installed_models_once() -> None:
    name = _put_weights(find_folders())
    backend = EmbeddedBackend(settings(), find_folders(), EventBus())
    with pytest.raises(ModelNotFound) as raised:
        await backend.context_length("qwen2.5-coder:1.5b")
    await backend.close()
    assert (
        raised.value.next_step
        == f"Use an installed model ({name}), or first download the model that you want."
    )


@pytest.mark.parametrize(("wanted", "sent"), [("-1", -1), ("30m", "30m")], ids=["stays", "half-an-hour"])
async def test_tasks_keep_the_time_that_preload_asked_for(
    ollama_standin: OllamaStandIn, wanted: str, sent: object
) -> None:
    async with running(kind="ollama", url=ollama_standin.url) as engine:
        await engine.load(CODER, wanted)
        await collect(engine.generate(request()))
        assert ollama_standin.bodies("/api/chat")[-1]["keep_alive"] == sent
        await engine.unload(CODER)
        await collect(engine.generate(request()))
        assert ollama_standin.bodies("/api/chat")[-1]["keep_alive"] == "10m"


@pytest.mark.parametrize("dialect", ["router", "llama-swap", "lmstudio"])
async def test_the_app_keeps_the_time_for_engines_without_their_own(dialect: str) -> None:
    with OpenAIStandIn(dialect) as server:
        server.models[MODEL].num_ctx = 0
        async with running(url=server.url, kind="openai") as engine:
            await engine.load(MODEL, "-1")
            await collect(engine.generate(request(model=MODEL)))
            await engine.refresh()
            assert [each.expires_at for each in engine.view().loaded] == [None]


@pytest.mark.parametrize("dialect", ["llama-server", "vllm"])
async def test_preloading_what_a_server_always_has_loaded_succeeds(dialect: str) -> None:
    with OpenAIStandIn(dialect) as server:
        async with running(url=server.url, kind="openai") as engine:
            await engine.load(MODEL, "-1")
            await engine.refresh()
            assert [each.name for each in engine.view().loaded] == [MODEL]


async def test_preloading_on_a_plain_server_is_unsupported() -> None:
    with OpenAIStandIn("plain") as server:
        async with running(url=server.url, kind="openai") as engine:
            with pytest.raises(BackendUnsupported):
                await engine.load(MODEL)
