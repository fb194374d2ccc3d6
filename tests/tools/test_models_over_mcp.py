"""The tools that manage models, called by a client: with the stand-in for Ollama, with servers that cannot do
everything, and with the embedded engine for real."""

import asyncio
import contextlib
import os
import threading
from pathlib import Path

import psutil
import pytest
from mcp import Client

from server.config.sections import BackendSettings, EmbeddedSettings
from server.config.settings import Settings
from server.hub import Hub
from tests.engine_models import SMOLLM2
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel
from tests.standins.ollama_registry import Registered
from tests.standins.openai import MODEL, OpenAIStandIn
from tests.standins.serving import eventually
from tests.tools.test_model_choice import text, with_client

pytestmark = pytest.mark.anyio


def _ollama(standin: OllamaStandIn) -> Settings:
    return Settings(backend=BackendSettings(kind="ollama", url=standin.url))


async def _said(client: Client, tool: str, **arguments: object) -> str:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, text(answer)
    return text(answer)


async def _refused(client: Client, tool: str, **arguments: object) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, text(answer)
    return text(answer)


async def test_keep_alive_is_really_sent_and_0_unloads(ollama_standin: OllamaStandIn) -> None:
    async def work(client: Client, _hub: Hub) -> None:
        assert "No model is loaded" in await _said(client, "list_loaded_models")
        await _said(client, "preload_model", model=CODER)
        await _said(client, "preload_model", model=CODER, keep_alive="30m")
        assert "expires in 30 min" in await _said(client, "list_loaded_models")
        assert "unloaded" in await _said(client, "preload_model", model=CODER, keep_alive="0")
        assert "No model is loaded" in await _said(client, "list_loaded_models")
        sent = [each.json["keep_alive"] for each in ollama_standin.requests if each.path == "/api/chat"]
        assert sent == ["10m", "30m", 0]  # first the user's setting
        assert "bad_arguments" in await _refused(client, "preload_model", model=CODER, keep_alive="soon")

    await with_client(_ollama(ollama_standin), work)


async def test_an_unknown_model_names_the_nearest(ollama_standin: OllamaStandIn) -> None:
    async def work(client: Client, _hub: Hub) -> None:
        for keep_alive in ("-1", "0"):
            words = await _refused(client, "preload_model", model="qwen2.5-coder:7b", keep_alive=keep_alive)
            assert "model_not_found" in words
            assert CODER in words

    await with_client(_ollama(ollama_standin), work)


async def test_a_pull_tells_bytes_runs_once_for_two_and_can_be_cancelled(
    ollama_standin: OllamaStandIn,
) -> None:
    ollama_standin.registry["tiny:1b"] = Registered(layers=(3 * 2**30,), delay=0.1)

    async def work(client: Client, hub: Hub) -> None:
        told: list[str] = []

        async def hear(_done: float, _total: float | None, message: str | None) -> None:
            told.append(message or "")

        first = asyncio.create_task(
            client.call_tool("pull_model", {"model": "tiny:1b"}, progress_callback=hear)
        )
        second = asyncio.create_task(client.call_tool("pull_model", {"model": "tiny:1b"}))
        assert text(await first) == text(await second) == "tiny:1b is installed."
        await eventually(lambda: ollama_standin.outcomes("/api/pull") == ["answered"])
        assert any("% of 3.2 GB" in message for message in told)
        assert any(" MB/s, " in message and message.endswith(" left") for message in told)

        ollama_standin.registry["big:70b"] = Registered(layers=(2**30,), held=threading.Event())
        third = asyncio.create_task(client.call_tool("pull_model", {"model": "big:70b"}))
        await eventually(
            lambda: any(each.model == "big:70b" and each.completed for each in hub.engine.downloads)
        )
        await hub.engine.cancel_download("big:70b")
        assert "cancelled" in text(await third)
        assert "big:70b" not in ollama_standin.models
        ollama_standin.registry["nothing:1b"] = Registered(error="pull model manifest: file does not exist")
        assert "model_not_found" in await _refused(client, "pull_model", model="nothing:1b")

    await with_client(_ollama(ollama_standin), work)


async def test_auto_setup_uses_and_names_what_is_there_where_the_best_cannot_be_had(
    ollama_standin: OllamaStandIn,
) -> None:
    async def work(client: Client, hub: Hub) -> None:
        done = await _said(client, "auto_setup", category="coding", prefer_quality=True)
        assert "cannot be downloaded (" in done
        assert f"Chosen instead: {CODER}" in done
        assert len(done) < 600
        assert [each.name for each in hub.engine.view().loaded] == [CODER]

    await with_client(_ollama(ollama_standin), work)


async def test_the_users_own_choice_wins_and_is_loaded(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models["poet:1b"] = StandInModel(size=700_000_000)

    async def work(client: Client, hub: Hub) -> None:
        await _said(
            client,
            "configure_model_selector",
            setting="custom_recommendations",
            action="set",
            custom_config={"translation": "poet:1b"},
        )
        ranked = await _said(client, "recommend_model", category="translation", prefer_quality=True)
        assert ranked.startswith("poet:1b: your choice")
        assert "Chose poet:1b: your choice" in await _said(client, "auto_setup", category="translation")
        assert [each.name for each in hub.engine.view().loaded] == ["poet:1b"]

    await with_client(_ollama(ollama_standin), work)


@pytest.mark.parametrize(
    ("dialect", "loads", "pulls", "lists"),
    [
        ("lmstudio", True, True, True),
        ("router", True, False, True),
        ("llama-swap", True, False, True),
        ("llama-server", False, False, True),
        ("vllm", False, False, True),
        ("plain", False, False, False),
    ],
)
async def test_what_a_server_cannot_do_is_said(dialect: str, loads: bool, pulls: bool, lists: bool) -> None:
    with OpenAIStandIn(dialect) as server:
        settings = Settings(backend=BackendSettings(kind="openai", url=server.url))

        async def work(client: Client, hub: Hub) -> None:
            said = await _said(client, "list_loaded_models")
            assert (MODEL in said) is lists
            assert ("does not report its loaded models" in said) is not lists
            can = hub.engine.view().capabilities
            assert (can.load, can.unload, can.pull, can.list_loaded) == (loads, loads, pulls, lists)
            # A server that lists the model holds it in memory already, so there is nothing to refuse.
            for arguments, works in (
                ({"model": MODEL}, loads or lists),
                ({"model": MODEL, "keep_alive": "0"}, loads),
            ):
                answer = await client.call_tool("preload_model", arguments)
                assert bool(answer.is_error) is not works, text(answer)
                assert ("backend_unsupported" in text(answer)) is not works
            if not pulls:
                assert "backend_unsupported" in await _refused(client, "pull_model", model="x:1b")
            done = await _said(client, "auto_setup", category="coding")
            assert MODEL in done
            assert ("loads models on demand" in done) is not loads

        await with_client(settings, work)


def _children() -> list[psutil.Process]:
    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            if "server.backends.embedded.server_process" in each.cmdline():
                found.append(each)
    return found


async def test_the_embedded_engine_loads_lists_reloads_and_gives_its_memory_back(smollm2: Path) -> None:
    os.link(smollm2, smollm2.with_name("another.gguf"))
    settings = Settings(
        backend=BackendSettings(kind="embedded", num_ctx=512), embedded=EmbeddedSettings(model=SMOLLM2)
    )

    async def work(client: Client, hub: Hub) -> None:
        assert "No model is loaded" in await _said(client, "list_loaded_models")
        assert f"{SMOLLM2} is loaded" in await _said(client, "preload_model", model=SMOLLM2)
        [first] = _children()
        assert first.memory_info().rss > smollm2.stat().st_size / 2
        listed = await _said(client, "list_loaded_models")
        assert f"- {SMOLLM2}: " in listed
        assert "context of 512" in listed
        await _said(client, "preload_model", model="another", keep_alive="10m")
        [second] = _children()
        assert not first.is_running()
        listed = await _said(client, "list_loaded_models")
        assert "- another: " in listed
        assert SMOLLM2 not in listed
        assert "expires in 10 min" in listed
        await _said(client, "preload_model", model="another", keep_alive="0")
        assert not second.is_running()
        assert _children() == []
        assert hub.engine.view().loaded == ()
        assert "model_not_found" in await _refused(client, "pull_model", model="no-such-model")

    await with_client(settings, work)
