"""Failures of Ollama and their errors."""

from collections.abc import AsyncIterator
from itertools import chain

import pytest

from server.backends.base import PullProgress
from server.backends.ollama.backend import OllamaBackend
from server.common.errors import (
    BackendFailed,
    BackendUnreachable,
    ChecksumMismatch,
    DownloadError,
    ModelNotFound,
    ModelTooLarge,
    NoDiskSpace,
    NoNetwork,
    PromptTooLong,
    TokenSaverError,
)
from tests.engine_requests import collect, request, settings
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel
from tests.standins.ollama_registry import Registered
from tests.standins.raw import HEAD, RawServer

pytestmark = [pytest.mark.anyio, pytest.mark.fast]


@pytest.fixture
async def ollama(ollama_standin: OllamaStandIn) -> AsyncIterator[OllamaBackend]:
    backend = OllamaBackend(ollama_standin.url, settings())
    yield backend
    await backend.close()


async def test_an_unknown_model_names_the_nearest(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.models["llama3.2:3b"] = StandInModel()
    for asking in (
        collect(ollama.generate(request(model="qwen2.5-codr:0.5b"))),
        ollama.load("qwen2.5-codr:0.5b", 4096),
        ollama.context_length("qwen2.5-codr:0.5b"),
    ):
        with pytest.raises(ModelNotFound) as raised:
            await asking
        assert "qwen2.5-codr:0.5b" in raised.value.cause
        assert raised.value.next_step.index(CODER) < raised.value.next_step.index("llama3.2:3b")


async def test_error_says_by_how_much_a_prompt_is_too_long(ollama: OllamaBackend) -> None:
    with pytest.raises(PromptTooLong) as raised:
        await collect(ollama.generate(request("word " * 5000, num_ctx=4096)))
    assert "5,030 tokens, 934 more than fit in the context of 4,096" in raised.value.cause
    assert "[backend] num_ctx" in raised.value.next_step


async def test_silently_truncated_prompt_is_detected(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.default = Answer("The animal was a zebra.", prompt_tokens=29)
    with pytest.raises(PromptTooLong, match=r"only 29 tokens .* at least 2,000"):
        await collect(ollama.generate(request("word " * 2000)))


async def test_a_model_beyond_memory(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models["huge:70b"] = StandInModel(needs=48 << 30)
    with pytest.raises(ModelTooLarge, match=r"48\.0 GiB"):
        await ollama.load("huge:70b", 4096)


async def test_nothing_listens(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.stop()
    for asking in (ollama.check(), ollama.installed(), collect(ollama.generate(request()))):
        with pytest.raises(BackendUnreachable, match="Ollama does not answer at 127") as raised:
            await asking
        assert "ollama serve" in raised.value.next_step


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ("broken", "only a part of its answer|closed the connection early"),
        ("half", "not JSON|closed the connection early"),
        ("garbage", "not JSON.*Bad Gateway"),
        ("utf8", "not UTF-8"),
        ("long", "a line of more than 1024 kB|closed the connection early"),
        ("error", "CUDA error"),
    ],
)
async def test_answer_that_fails_midway(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn, ends: str, says: str
) -> None:
    ollama_standin.answers.default = Answer("half of it", ends=ends)
    with pytest.raises(BackendFailed, match=says):
        await collect(ollama.generate(request()))


async def test_endless_answer_is_stopped(ollama: OllamaBackend, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer(tokens=("a" * 9000,), ends="endless")
    with pytest.raises(BackendFailed, match="far longer than requested"):
        await collect(ollama.generate(request(max_tokens=16)))


NO_OLLAMA = {
    "a list": HEAD + b"[1, 2]\n",
    "deep nesting": HEAD + b"[" * 100_000 + b"\n",
    "an endless number": HEAD + b'{"eval_count": ' + b"9" * 10_000 + b"}\n",
    "an empty answer": HEAD,
    "no HTTP": b"220 smtp.example.org ESMTP\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    "a compressed bomb": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b" + b"\0" * 1000,
    "an error page": b"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\n\r\n<html>" + b"x" * 200_000,
    "a missing page": b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot found",
}


@pytest.mark.parametrize("name", NO_OLLAMA)
async def test_server_that_is_not_ollama(name: str) -> None:
    with RawServer([NO_OLLAMA[name]]) as server:
        backend = OllamaBackend(server.url, settings())
        for asking in (collect(backend.generate(request())), backend.check(), backend.installed()):
            with pytest.raises(BackendFailed) as raised:
                await asking
            assert len(str(raised.value)) < 1000
        await backend.close()


@pytest.mark.parametrize("line", [b'{"message": {"content": 5}}', b'{"message": 5, "done": "yes"}', b"{}"])
async def test_answer_of_the_wrong_shape(line: bytes) -> None:
    with RawServer([HEAD + line + b"\n"]) as server:
        backend = OllamaBackend(server.url, settings())
        with pytest.raises(BackendFailed):
            await collect(backend.generate(request()))
        await backend.close()


async def test_a_redirect_is_not_followed(ollama_standin: OllamaStandIn) -> None:
    target = f"{ollama_standin.url}/api/chat".encode()
    with RawServer(
        [b"HTTP/1.1 307 Elsewhere\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"]
    ) as server:
        backend = OllamaBackend(server.url, settings())
        with pytest.raises(BackendFailed, match=r"a redirect to .* not followed"):
            await collect(backend.generate(request()))
        await backend.close()
    assert ollama_standin.requests == []


async def test_proxy_from_the_environment_is_not_used(
    ollama_standin: OllamaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OllamaStandIn() as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(variable, raising=False)
        backend = OllamaBackend(ollama_standin.url, settings())
        await collect(backend.generate(request()))
        await backend.close()
        assert proxy.requests == []
    assert ollama_standin.outcomes("/api/chat") == ["answered"]


async def test_numbers_of_any_size_are_accepted() -> None:
    line = b'{"message": {"content": "ok"}, "done": true, "eval_count": 1e999, "prompt_eval_count": -3}\n'
    with RawServer([HEAD + line]) as server:
        backend = OllamaBackend(server.url, settings())
        text, _, end = await collect(backend.generate(request()))
        await backend.close()
    assert (text, end.completion_tokens, end.prompt_tokens) == ("ok", 0, 0)


async def test_lone_surrogate_does_not_reach_a_file() -> None:
    line = b'{"message": {"content": "a\\ud800b"}, "done": true}\n'
    with RawServer([HEAD + line]) as server:
        backend = OllamaBackend(server.url, settings())
        text, _, _ = await collect(backend.generate(request("also here: \ud800")))
        await backend.close()
    assert text.encode("utf-8") == b"a?b"


async def test_an_endless_line_takes_bounded_memory() -> None:
    flood = (b"x" * 65_536 for _ in range(10_000))
    with RawServer(chain([HEAD], flood)) as server:
        backend = OllamaBackend(server.url, settings())
        with pytest.raises(BackendFailed, match="1024 kB"):
            await collect(backend.generate(request()))
        await backend.close()
        assert server.sent < 20 << 20  # the limit plus the system's buffers


async def test_silence_is_limited() -> None:
    with RawServer([HEAD], hangs=True) as server:
        backend = OllamaBackend(server.url, settings(silence_timeout=0.3))
        with pytest.raises(BackendFailed, match=r"sent nothing for 0\.3 s"):
            await collect(backend.generate(request()))
        await backend.close()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("pull model manifest: file does not exist", ModelNotFound),
        ("write /models/blob: no space left on device", NoDiskSpace),
        ("digest mismatch, file must be downloaded again: want sha256:a, got sha256:b", ChecksumMismatch),
        ("max retries exceeded: EOF", NoNetwork),
        ("something new", DownloadError),
    ],
)
async def test_a_pull_that_fails(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn, words: str, error: type[TokenSaverError]
) -> None:
    ollama_standin.registry["tiny:1b"] = Registered(error=words)
    with pytest.raises(error) as raised:
        await ollama.pull("tiny:1b", _ignore)
    assert type(raised.value) is error
    assert "tiny:1b" not in ollama_standin.models


async def test_a_pull_without_network(ollama: OllamaBackend) -> None:
    with pytest.raises(NoNetwork, match="no such host"):
        await ollama.pull("qwen3:0.6b", _ignore)


async def _ignore(progress: PullProgress) -> None:
    pass
