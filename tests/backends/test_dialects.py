"""Dialects of OpenAI-compatible servers: detection, and abilities beyond generating."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from server.backends.base import Backend, PullProgress
from server.backends.dialects import open_openai
from server.backends.idle import UnloadsWhenIdle
from server.backends.ollama.backend import OllamaBackend
from server.backends.openai.backend import OpenAICompatible
from server.backends.openai.llama_router import LlamaRouter
from server.backends.openai.llama_server import LlamaServer
from server.backends.openai.llama_swap import LlamaSwap
from server.backends.openai.lmstudio import LMStudio
from server.backends.openai.vllm import VLLM
from server.common.errors import BackendFailed, BadArguments, DownloadError, ModelNotFound
from tests.engine_requests import collect, request, settings
from tests.standins.answers import Answer, count_tokens
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import MODEL, OpenAIModel, OpenAIStandIn

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(dialect: str, **models: OpenAIModel) -> AsyncIterator[tuple[Backend, OpenAIStandIn]]:
    with OpenAIStandIn(dialect, slots=3) as server:
        server.models.update(models)
        backend = await open_openai(server.url, settings())
        try:
            yield backend, server
        finally:
            await backend.close()


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [
        ("llama-server", LlamaServer),
        ("old-llama-server", LlamaServer),
        ("router", LlamaRouter),
        ("llama-swap", LlamaSwap),
        ("lmstudio", LMStudio),
        ("vllm", VLLM),
        ("plain", OpenAICompatible),
    ],
)
async def test_dialect_is_detected(dialect: str, kind: type[Backend]) -> None:
    async with opened(dialect) as (backend, _):
        assert type(backend.backend if isinstance(backend, UnloadsWhenIdle) else backend) is kind
        assert [model.name for model in await backend.installed()] == [MODEL]


async def test_ollama_is_detected_and_used_by_its_own_protocol(ollama_standin: OllamaStandIn) -> None:
    backend = await open_openai(f"{ollama_standin.url}/v1", settings())
    assert isinstance(backend, OllamaBackend)
    await backend.close()


@pytest.mark.parametrize("dialect", ["llama-server", "old-llama-server", "router"])
async def test_llama_server_counts_tokens(dialect: str) -> None:
    async with opened(dialect) as (backend, _):
        messages = request("count these words").messages
        expected = count_tokens([{"role": "user", "content": "count these words"}])
        assert await backend.count_tokens(MODEL, messages, 4096) == expected


async def test_llama_server_reports_its_loaded_model() -> None:
    async with opened("llama-server") as (backend, _):
        (loaded,) = await backend.loaded()
        assert (loaded.name, loaded.num_ctx, loaded.slots) == (MODEL, 4096, 3)
        assert await backend.context_length(MODEL) == 4096
        assert await backend.slots(MODEL) == 3


async def test_vllm_reports_its_context() -> None:
    async with opened("vllm") as (backend, _):
        assert await backend.context_length(MODEL) == 4096
        assert await backend.slots(MODEL) > 1
        with pytest.raises(ModelNotFound):
            await backend.context_length("other")


@pytest.mark.parametrize("dialect", ["router", "llama-swap", "lmstudio"])
async def test_loads_and_unloads(dialect: str) -> None:
    async with opened(dialect, other=OpenAIModel(num_ctx=0)) as (backend, server):
        assert backend.capabilities.load
        assert backend.capabilities.unload
        assert [model.name for model in await backend.loaded()] == [MODEL]

        await backend.load("other", 8192)
        assert {model.name for model in await backend.loaded()} == {MODEL, "other"}
        await backend.unload("other")
        await backend.unload("other")

        assert [model.name for model in await backend.loaded()] == [MODEL]
        assert server.models["other"].num_ctx == 0


@pytest.mark.parametrize("dialect", ["router", "lmstudio"])
async def test_model_that_fails_to_load(dialect: str) -> None:
    async with opened(dialect, bad=OpenAIModel(num_ctx=0, fails=True)) as (backend, _):
        with pytest.raises(BackendFailed, match=r"(?i)failed to load"):
            await backend.load("bad", 4096)
        with pytest.raises(ModelNotFound, match="nope"):
            await backend.load("nope", 4096)


async def test_router_that_reports_loading_and_never_loads(openai_standin: OpenAIStandIn) -> None:
    openai_standin.dialect = "router"
    openai_standin.models["idle"] = OpenAIModel(num_ctx=0, idles=True)
    backend = LlamaRouter(openai_standin.url, "", settings(silence_timeout=3.0))
    with pytest.raises(BackendFailed, match="could not load idle"):
        await backend.load("idle", 4096)
    await backend.close()


async def test_lm_studio_loads_with_the_requested_context() -> None:
    async with opened("lmstudio") as (backend, server):
        server.models[MODEL].num_ctx = 2048
        await collect(backend.generate(request(model=MODEL, num_ctx=8192)))
        await collect(backend.generate(request(model=MODEL, num_ctx=4096)))

        assert server.models[MODEL].num_ctx == 8192
        assert len(server.bodies("/api/v1/models/load")) == 1
        (loaded,) = await backend.loaded()
        assert (loaded.num_ctx, loaded.slots) == (8192, 3)


@pytest.mark.parametrize("dialect", ["router", "llama-swap", "lmstudio"])
async def test_idle_model_loaded_by_the_app_is_unloaded(dialect: str) -> None:
    async with opened(dialect, other=OpenAIModel(num_ctx=0)) as (backend, server):
        assert backend.capabilities.keep_alive
        await backend.load("other", 4096, keep_alive="10m")
        shown = {model.name: model.expires_at for model in await backend.loaded()}
        assert shown[MODEL] is None, "it was there before, for somebody else"
        assert shown["other"] is not None
        assert 0 < shown["other"] - time.time() <= 600

        await collect(backend.generate(replace(request(model="other"), keep_alive="-1")))
        assert [model.expires_at for model in await backend.loaded()] == [None, None]

        await collect(backend.generate(replace(request(model=MODEL), keep_alive="1ms")))
        await collect(backend.generate(replace(request(model="other"), keep_alive="1ms")))
        async with asyncio.timeout(60):
            while server.models["other"].num_ctx:
                await asyncio.sleep(0.01)
        assert [model.name for model in await backend.loaded()] == [MODEL]


async def test_model_in_use_is_not_unloaded() -> None:
    async with opened("lmstudio", other=OpenAIModel(num_ctx=0)) as (backend, server):
        server.answers.when("slowly", Answer("a b c d e f g", delay=0.1))
        slow = replace(request("slowly", "other"), keep_alive="1ms")
        await backend.load("other", 4096, keep_alive="1ms")
        text, _, _ = await collect(backend.generate(slow))
        assert text == "a b c d e f g"
        async with asyncio.timeout(60):
            while server.models["other"].num_ctx:
                await asyncio.sleep(0.01)
        with pytest.raises(BadArguments):
            await backend.load("other", 4096, keep_alive="soon")


async def test_lm_studio_marks_models_that_only_embed() -> None:
    async with opened("lmstudio", embedder=OpenAIModel(embeds=True)) as (backend, _):
        assert {model.name: model.generates for model in await backend.installed()} == {
            MODEL: True,
            "embedder": False,
        }


async def test_lm_studio_downloads() -> None:
    seen: list[PullProgress] = []

    async def report(progress: PullProgress) -> None:
        seen.append(progress)

    async with opened("lmstudio") as (backend, server):
        server.downloads["qwen3-4b"] = 0
        await backend.pull("qwen3-4b", report)
        assert [each.completed for each in seen] == [500, 1000]
        assert "qwen3-4b" in {model.name for model in await backend.installed()}
        with pytest.raises(DownloadError, match="not found in the catalogue"):
            await backend.pull("nonsense", report)
