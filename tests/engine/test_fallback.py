"""The embedded engine as a fallback: when it replaces a server, and when a server replaces it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.backends.base import DownloadsOwnModels
from server.backends.embedded.backend import EmbeddedBackend
from server.common.errors import BackendUnreachable
from server.common.events import EventBus
from server.config.folders import find_folders
from server.engine.engine import Engine
from tests.engine_requests import collect, request, settings
from tests.standins.ollama import CODER, OllamaStandIn

pytestmark = pytest.mark.anyio


@pytest.fixture
def ollama(ollama_standin: OllamaStandIn, monkeypatch: pytest.MonkeyPatch) -> OllamaStandIn:
    """Ollama at ``OLLAMA_HOST``."""
    monkeypatch.setenv("OLLAMA_HOST", ollama_standin.url)
    return ollama_standin


@pytest.fixture
def no_usual_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore programs that listen at the default addresses on this machine."""
    monkeypatch.setattr("server.engine.discovery.USUAL_URLS", ())


@asynccontextmanager
async def engine_in_use(**backend: str) -> AsyncIterator[Engine]:
    engine = Engine(settings(**backend), find_folders(), EventBus())
    try:
        yield engine
    finally:
        await engine.close()


async def test_the_embedded_engine_is_a_backend_that_downloads() -> None:
    backend = EmbeddedBackend(settings(), find_folders(), EventBus())
    assert isinstance(backend, DownloadsOwnModels)
    await backend.close()


@pytest.mark.usefixtures("no_usual_servers")
async def test_embedded_engine_is_used_without_a_server(ollama: OllamaStandIn) -> None:
    ollama.stop()
    async with engine_in_use() as engine:
        await engine.refresh()
        view = engine.view()
        assert view.kind == "embedded"
        assert view.error == ""
        assert view.default_model == await engine.choose_model(None) != ""
        assert view.loaded == view.installed == ()


async def test_configured_embedded_engine_is_the_only_one(ollama: OllamaStandIn) -> None:
    async with engine_in_use(kind="embedded") as engine:
        assert (await engine.use()).kind == "embedded"
    assert ollama.requests == []


@pytest.mark.usefixtures("no_usual_servers")
async def test_started_server_replaces_the_embedded_engine(ollama: OllamaStandIn) -> None:
    ollama.stop()
    async with engine_in_use() as engine:
        await engine.refresh()
        assert engine.view().kind == "embedded"
        ollama.restart()
        await engine.prefer_server()
        assert engine.view().kind == "ollama"
        assert await engine.choose_model(None) == CODER


@pytest.mark.usefixtures("no_usual_servers")
async def test_lost_server_does_not_cause_a_download(ollama: OllamaStandIn) -> None:
    async with engine_in_use() as engine:
        assert (await collect(engine.generate(request())))[0] == "Hello!"
        ollama.stop()
        with pytest.raises(BackendUnreachable, match="Ollama does not answer"):
            await engine.choose_model(None)
        assert "Ollama does not answer" in engine.view().error
        ollama.restart()
        assert await engine.choose_model(None) == CODER


@pytest.mark.usefixtures("no_usual_servers")
async def test_lost_server_is_replaced_if_the_weights_are_on_disk(ollama: OllamaStandIn) -> None:
    folders = find_folders()
    async with engine_in_use() as engine:
        await engine.use()
        embedded = EmbeddedBackend(settings(), folders, EventBus())
        folders.models.mkdir(parents=True)
        (folders.models / f"{embedded.default_model()}.gguf").write_bytes(b"GGUF")
        await embedded.close()
        ollama.stop()
        assert await engine.choose_model(None) == embedded.default_model()
        assert (await engine.use()).kind == "embedded"
