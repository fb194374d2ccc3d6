"""The Ollama backend with a stand-in that answers as Ollama does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from server.backends.base import PullProgress, TextDelta
from server.backends.ollama.backend import OllamaBackend
from server.common.errors import BackendUnsupported, BadArguments, NoDiskSpace, SettingsError
from tests.engine_requests import collect, request, settings
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel
from tests.standins.ollama_registry import Registered
from tests.standins.serving import Exchange, Reply, eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ollama(ollama_standin: OllamaStandIn) -> AsyncIterator[OllamaBackend]:
    backend = OllamaBackend(ollama_standin.url, settings())
    yield backend
    await backend.close()


async def test_generates(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.when("slugify", "def slugify(text): return text")

    text, thoughts, end = await collect(ollama.generate(request("write slugify")))

    assert text == "def slugify(text): return text"
    assert thoughts == ""
    assert end.finish_reason == "stop"
    assert end.prompt_tokens > 0
    assert end.completion_tokens > 5


async def test_requests_forbid_truncation_and_thinking(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn
) -> None:
    await collect(ollama.generate(request(num_ctx=8192, max_tokens=99)))

    (sent,) = ollama_standin.bodies("/api/chat")
    assert sent["truncate"] is False
    assert sent["think"] is False
    assert sent["options"] == {"num_ctx": 8192, "num_predict": 99, "temperature": 0, "seed": 7}
    assert sent["keep_alive"] == "10m"


async def test_answer_cut_by_length_has_that_finish_reason(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.default = Answer("one two three four five six")

    text, _, end = await collect(ollama.generate(request(max_tokens=3)))

    assert text == "one two three"
    assert end.finish_reason == "length"


async def test_thoughts_are_separated_from_the_answer(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.when("field", Answer("42", thinking="let me see"))
    ollama_standin.answers.when("tags", Answer("<think>let me see</think>\n\n42"))

    assert (await collect(ollama.generate(request("field"))))[:2] == ("42", "let me see ")
    assert (await collect(ollama.generate(request("tags"))))[:2] == ("42", "let me see")


async def test_closing_the_iterator_frees_the_engine(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.default = Answer("word " * 50, delay=0.02, ends="endless")

    async with aclosing(ollama.generate(request())) as items:
        async for item in items:
            assert isinstance(item, TextDelta)
            break

    await eventually(lambda: ollama_standin.outcomes("/api/chat") == ["dropped"])
    await eventually(lambda: ollama_standin.running == 0)


@pytest.mark.parametrize(
    "answer", [Answer("word", first_delay=60), Answer("word " * 9, delay=0.05, ends="endless")]
)
async def test_cancelling_the_task_frees_the_engine(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn, answer: Answer
) -> None:
    ollama_standin.answers.default = answer
    task = asyncio.create_task(collect(ollama.generate(request())))
    await eventually(lambda: ollama_standin.running == 1)

    task.cancel()

    await eventually(lambda: ollama_standin.outcomes("/api/chat") == ["dropped"])
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_loads_lists_and_unloads(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models[CODER] = StandInModel(vram=1.0)
    assert await ollama.loaded() == ()

    await ollama.load(CODER, 8192, "-1")
    (forever,) = await ollama.loaded()
    await ollama.load(CODER, 8192, "10m")
    (timed,) = await ollama.loaded()
    await ollama.unload(CODER)

    assert forever.name == CODER
    assert forever.num_ctx == 8192
    assert forever.size == forever.size_vram > 400_000_000
    assert forever.expires_at is None
    assert timed.expires_at is not None
    assert await ollama.loaded() == ()
    assert ollama_standin.loads == [(CODER, 8192)]


async def test_error_explains_an_invalid_keep_alive(ollama: OllamaBackend) -> None:
    with pytest.raises(BadArguments, match="bogus"):
        await ollama.load(CODER, 8192, "bogus")


async def test_installed_models_are_listed(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models["nomic-embed-text:latest"] = StandInModel(capabilities=("embedding",))

    coder, embedder = await ollama.installed()

    assert (coder.name, coder.quantization, coder.family) == (CODER, "Q4_K_M", "qwen2")
    assert coder.context_length == await ollama.context_length(CODER) == 32768
    assert coder.generates
    assert not embedder.generates


async def test_control_characters_in_a_name_are_removed(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.models["llama\x1b]0;owned\x07\x9b2J"] = StandInModel()

    names = [model.name for model in await ollama.installed()]

    assert all(name.isprintable() for name in names)
    assert "llama ]0;owned  2J" in names


async def test_models_in_the_cloud_are_left_out(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models["gpt-oss:120b-cloud"] = StandInModel(remote_host="https://ollama.com:443")
    ollama_standin.models["mine:latest"] = StandInModel(remote_host="https://ollama.com:443")

    assert [model.name for model in await ollama.installed()] == [CODER]
    for asking in (
        collect(ollama.generate(request(model="gpt-oss:120b-cloud"))),
        ollama.load("kimi-k2:1t-cloud", 8192),
        ollama.load("glm-5:cloud", 8192),
    ):
        with pytest.raises(BackendUnsupported, match="cloud"):
            await asking
    assert ollama_standin.outcomes("/api/chat") == []


async def test_another_machine_needs_permission() -> None:
    for url in ("http://192.168.1.5:11434", "https://ollama.com", "http://example.org:80/ollama"):
        with pytest.raises(SettingsError, match="allow_remote"):
            OllamaBackend(url, settings())
        await OllamaBackend(url, settings(allow_remote=True)).close()


async def test_answer_delayed_by_a_busy_machine_is_waited_for() -> None:
    class Delayed(OllamaStandIn):
        async def _handle(self, exchange: Exchange) -> Reply:
            await asyncio.sleep(2.5)
            return await super()._handle(exchange)

    with Delayed() as server:
        backend = OllamaBackend(server.url, settings(connect_timeout=2.0))
        await backend.check()
        await backend.close()


async def test_label_contains_the_version(ollama: OllamaBackend) -> None:
    await ollama.check()
    assert ollama.label.startswith("Ollama 0.33.0-rc2 at 127.0.0.1:")


async def test_pull_reports_and_installs(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.registry["tiny:1b"] = Registered(layers=(1000, 500))
    seen: list[PullProgress] = []

    await ollama.pull("tiny:1b", _into(seen))

    assert "tiny:1b" in ollama_standin.models
    assert seen[-1] == PullProgress("tiny:1b", "success", 1500, 1500)
    assert [each.completed for each in seen] == sorted(each.completed for each in seen)


async def test_pull_ends_before_it_fills_the_disk(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    ollama_standin.registry["huge:900b"] = Registered(layers=(2**49,), delay=0.02)
    with pytest.raises(NoDiskSpace, match=f"huge:900b needs .* GB more on the disk of {tmp_path}"):
        await ollama.pull("huge:900b", _into([]))
    assert "huge:900b" not in ollama_standin.models
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "on-another-machine"))  # an unknown disk
    await ollama.pull("huge:900b", _into([]))


async def test_interrupted_pull_is_resumed(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.registry["tiny:1b"] = Registered(layers=(1000,), breaks_at=500)
    seen: list[PullProgress] = []

    await ollama.pull("tiny:1b", _into(seen))

    assert ollama_standin.outcomes("/api/pull") == ["broken", "answered"]
    assert [each.completed for each in seen if each.total].count(100) == 1
    assert "tiny:1b" in ollama_standin.models


def _into(seen: list[PullProgress]):
    async def report(progress: PullProgress) -> None:
        seen.append(progress)

    return report
