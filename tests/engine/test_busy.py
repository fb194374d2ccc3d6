"""An engine that is loading, restarting or away behind a gateway: waited for, and said."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.common.errors import BackendFailed, EngineBusy, QueueFull
from server.common.events import EventBus
from server.config.folders import find_folders
from server.engine.engine import Engine
from tests.engine_requests import collect, request, settings
from tests.standins.engine_cases import recorded
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import MODEL, OpenAIStandIn
from tests.standins.serving import Reply, json_reply

pytestmark = pytest.mark.anyio

CHAT = {"ollama": "/api/chat"}
DIALECTS = ["ollama", "llama-server", "router", "llama-swap", "lmstudio", "vllm", "plain"]
LITELLM = json_reply(
    {"error": {"message": "litellm.InternalServerError: OpenAIException - Connection error.", "code": "500"}},
    500,
)
BUSY = {"loading": recorded("flap503"), "gateway": recorded("st502"), "router": LITELLM}


@asynccontextmanager
async def running(url: str, **options: Any) -> AsyncIterator[Engine]:
    engine = Engine(settings(**{"kind": "auto", "url": url, **options}), find_folders(), EventBus())
    try:
        yield engine
    finally:
        await engine.close()


def _standin(dialect: str) -> OllamaStandIn | OpenAIStandIn:
    return OllamaStandIn() if dialect == "ollama" else OpenAIStandIn(dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", ["loading", "gateway"])
async def test_a_single_call_waits_for_a_busy_engine(dialect: str, kind: str) -> None:
    with _standin(dialect) as server:
        async with running(server.url) as engine:
            model = await engine.choose_model(None)
            server.given = {CHAT.get(dialect, "/v1/chat/completions"): [BUSY[kind]]}
            text, _, _ = await collect(engine.generate(request(model=model)))
    assert text == "Hello!"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_engine_that_stays_busy_is_named_as_such(dialect: str) -> None:
    with _standin(dialect) as server:
        async with running(server.url, busy_timeout=0.1) as engine:
            model = await engine.choose_model(None)
            server.given = {CHAT.get(dialect, "/v1/chat/completions"): [BUSY["loading"]] * 9}
            with pytest.raises(EngineBusy, match=r"is loading a model or busy \(Loading model\)"):
                await collect(engine.generate(request(model=model)))


async def test_a_routers_connection_error_means_that_its_engine_is_away() -> None:
    with OpenAIStandIn("plain") as server:
        async with running(server.url, kind="openai") as engine:
            await engine.choose_model(None)
            server.given = {"/v1/chat/completions": [LITELLM]}
            assert (await collect(engine.generate(request(model=MODEL))))[0] == "Hello!"
            server.given = {"/v1/chat/completions": [json_reply({"error": {"message": "CUDA error"}}, 500)]}
            with pytest.raises(BackendFailed, match="CUDA error"):
                await collect(engine.generate(request(model=MODEL)))


async def test_retry_after_is_heeded() -> None:
    busy = Reply(503, b'{"error": "Loading model"}', headers=(("Retry-After", "1"),))
    with OpenAIStandIn("plain") as server:
        async with running(server.url, kind="openai") as engine:
            await engine.choose_model(None)
            server.given = {"/v1/chat/completions": [busy]}
            began = asyncio.get_running_loop().time()
            await collect(engine.generate(request(model=MODEL)))
            assert asyncio.get_running_loop().time() - began >= 1.0
        async with running(server.url, kind="openai", busy_timeout=0.5) as engine:
            await engine.choose_model(None)
            server.given = {"/v1/chat/completions": [busy]}
            with pytest.raises(EngineBusy) as raised:
                await collect(engine.generate(request(model=MODEL)))
    assert raised.value.retry_after == 1.0


async def test_too_many_requests_are_not_loading() -> None:
    with OpenAIStandIn("plain") as server:
        async with running(server.url, kind="openai") as engine:
            await engine.choose_model(None)
            server.given = {"/v1/chat/completions": [json_reply({"error": {"message": "slow down"}}, 429)]}
            with pytest.raises(QueueFull):
                await collect(engine.generate(request(model=MODEL)))


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_configured_engine_that_loads_is_waited_for(dialect: str) -> None:
    with _standin(dialect) as server:
        async with running(server.url) as engine:
            ready = (await engine.use()).kind
        server.given = {"*": [BUSY["loading"]] * 2}
        async with running(server.url) as engine:
            assert (await engine.use()).kind == ready


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_configured_engine_that_keeps_loading_is_not_replaced(dialect: str) -> None:
    with _standin(dialect) as server:
        server.given = {"*": [BUSY["loading"]] * 99}
        async with running(server.url, busy_timeout=0) as engine:
            await engine.refresh()
            assert "is loading a model" in engine.view().error
            with pytest.raises(EngineBusy):
                await engine.use()


async def test_a_configured_engine_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.engine.discovery.USUAL_URLS", ())
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    with OpenAIStandIn("llama-server") as server:
        server.stop()
        async with running(server.url, connect_timeout=3.0) as engine:
            await engine.refresh()
            view = engine.view()
    assert view.kind == "embedded"
    assert view.notice.startswith("The configured engine is not used: ")
    assert f"127.0.0.1:{server.port}" in view.notice
