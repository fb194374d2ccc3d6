"""OpenAI-compatible servers: generation and failures."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import chain

import pytest

from server.backends.base import Backend, PromptProgress, TextDelta
from server.backends.dialects import open_openai
from server.backends.openai.backend import OpenAICompatible
from server.backends.openai.llama_server import LlamaServer
from server.common.errors import (
    BackendFailed,
    BackendUnreachable,
    BackendUnsupported,
    ModelNotFound,
    PromptTooLong,
    SettingsError,
)
from tests.engine_requests import collect, request, settings
from tests.standins.answers import Answer
from tests.standins.openai import MODEL, OpenAIStandIn
from tests.standins.raw import HEAD, RawServer
from tests.standins.serving import eventually

pytestmark = pytest.mark.anyio

DIALECTS = ["llama-server", "router", "llama-swap", "lmstudio", "vllm", "plain"]


@pytest.fixture(params=DIALECTS)
def server(request: pytest.FixtureRequest) -> AsyncIterator[OpenAIStandIn]:
    with OpenAIStandIn(request.param) as standin:
        yield standin


@pytest.fixture
async def backend(server: OpenAIStandIn) -> AsyncIterator[Backend]:
    opened = await open_openai(server.url + "/v1", settings())
    yield opened
    await opened.close()


async def test_generates_in_every_dialect(backend: Backend, server: OpenAIStandIn) -> None:
    server.answers.default = Answer("def f(): return 1", thinking="let me see")

    text, thoughts, end = await collect(backend.generate(request(model=MODEL)))

    assert (text, thoughts) == ("def f(): return 1", "let me see ")
    assert end.finish_reason == "stop"
    assert end.prompt_tokens > 0
    assert end.completion_tokens > 5
    sent = server.bodies("/v1/chat/completions")[-1]
    assert sent["stream_options"] == {"include_usage": True}
    assert sent["seed"] == 7
    if server.dialect != "plain":
        assert sent["chat_template_kwargs"] == {"enable_thinking": False}


async def test_length_in_every_dialect(backend: Backend, server: OpenAIStandIn) -> None:
    server.answers.default = Answer("one two three four")
    text, _, end = await collect(backend.generate(request(model=MODEL, max_tokens=2)))
    assert (text, end.finish_reason, end.completion_tokens) == ("one two", "length", 2)


async def test_an_unknown_model_names_the_nearest(backend: Backend) -> None:
    with pytest.raises(ModelNotFound) as raised:
        await collect(backend.generate(request(model="qwen2.5-codr")))
    assert MODEL in raised.value.next_step


async def test_a_prompt_that_does_not_fit(backend: Backend) -> None:
    with pytest.raises(PromptTooLong):
        await collect(backend.generate(request("word " * 5000, model=MODEL)))


async def test_silently_truncated_prompt_is_detected(backend: Backend, server: OpenAIStandIn) -> None:
    server.answers.default = Answer("a zebra", prompt_tokens=30)
    with pytest.raises(PromptTooLong, match="only 30 tokens"):
        await collect(backend.generate(request("word " * 2000, model=MODEL)))


async def test_closing_the_iterator_frees_the_engine(backend: Backend, server: OpenAIStandIn) -> None:
    server.answers.default = Answer("word " * 50, delay=0.02, ends="endless")
    async with aclosing(backend.generate(request(model=MODEL))) as items:
        async for item in items:
            if isinstance(item, TextDelta):
                break
    await eventually(lambda: server.outcomes("/v1/chat/completions")[-1:] == ["dropped"])
    await eventually(lambda: server.running == 0)


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ("broken", "only part of its answer|closed the connection early"),
        ("early", "only part of its answer"),
        ("half", "not JSON|closed the connection early"),
        ("garbage", "not a server-sent event.*Bad Gateway"),
        ("utf8", "not UTF-8"),
        ("long", "a line of more than 1024 kB|closed the connection early"),
        ("error", "CUDA error"),
    ],
)
async def test_answer_that_fails_midway(openai_standin: OpenAIStandIn, ends: str, says: str) -> None:
    backend = LlamaServer(openai_standin.url, "", settings())
    openai_standin.answers.default = Answer("half of it", ends=ends)
    with pytest.raises(BackendFailed, match=says):
        await collect(backend.generate(request(model=MODEL)))
    await backend.close()


async def test_llama_server_reports_progress_in_the_prompt(openai_standin: OpenAIStandIn) -> None:
    backend = LlamaServer(openai_standin.url, "", settings())
    items = [item async for item in backend.generate(request(model=MODEL))]
    await backend.close()

    progress = [item for item in items if isinstance(item, PromptProgress)]
    assert progress[0].processed == 0
    assert progress[-1].processed == progress[-1].total > 20
    assert items[-1].prompt_seconds == 0.25
    assert items[-1].generate_seconds == 1.5


async def test_llama_server_error_says_by_how_much(openai_standin: OpenAIStandIn) -> None:
    backend = LlamaServer(openai_standin.url, "", settings())
    with pytest.raises(PromptTooLong, match="5,030 tokens, 934 more than fit in the context of 4,096"):
        await collect(backend.generate(request("word " * 5000, model=MODEL)))
    await backend.close()


async def test_key_is_sent_and_a_wrong_one_is_an_error() -> None:
    with OpenAIStandIn(api_key="secret") as server:
        right = LlamaServer(server.url, "secret", settings())
        await right.check()
        await right.close()
        wrong = LlamaServer(server.url, "wrong", settings())
        with pytest.raises(BackendFailed, match="rejects the key") as raised:
            await wrong.check()
        assert "api_key" in raised.value.next_step
        await wrong.close()


async def test_nothing_listens(openai_standin: OpenAIStandIn) -> None:
    openai_standin.stop()
    with pytest.raises(BackendUnreachable, match="does not answer"):
        await open_openai(openai_standin.url, settings())


async def test_another_machine_needs_permission() -> None:
    with pytest.raises(SettingsError, match="allow_remote"):
        await open_openai("https://api.openai.com/v1", settings())


async def test_plain_server_can_only_generate(openai_standin: OpenAIStandIn) -> None:
    openai_standin.dialect = "plain"
    backend = OpenAICompatible(openai_standin.url, "", settings())
    for asking in (
        backend.load(MODEL, 4096),
        backend.unload(MODEL),
        backend.loaded(),
        backend.pull(MODEL, None),  # type: ignore[arg-type]
    ):
        with pytest.raises(BackendUnsupported):
            await asking
    assert await backend.count_tokens(MODEL, request().messages, 4096) is None
    await backend.close()


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD, b"[1]"],
        [HEAD, b"data: [1]\n\n"],
        [HEAD, b'data: {"choices": [{"delta": {"content": 5}}]}\n\n'],
        [HEAD, b'data: {"choices": "none"}\n\ndata: [DONE]\n\n'],
        [b"HTTP/1.1 307 Redirect\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"],
    ],
)
async def test_a_server_of_another_kind(pieces: list[bytes]) -> None:
    with RawServer(pieces) as server:
        backend = OpenAICompatible(server.url, "", settings())
        for asking in (backend.check(), collect(backend.generate(request()))):
            with pytest.raises(BackendFailed):
                await asking
        await backend.close()


async def test_a_flood_of_comments_takes_bounded_memory() -> None:
    flood = (b"x" * 65_536 for _ in range(10_000))
    with RawServer(chain([HEAD, b": "], flood)) as server:
        backend = OpenAICompatible(server.url, "", settings())
        with pytest.raises(BackendFailed, match="1024 kB"):
            await collect(backend.generate(request()))
        await backend.close()
        assert server.sent < 20 << 20
