"""Tests of a lying engine behind a complete hub: giant numbers, endless comments and lists, escapes."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from mcp.client.client import Client

from server.backends.openai.backend import OpenAICompatible
from server.backends.wire import MOST_MODELS, models_of
from server.common.control_characters import CONTROL
from server.common.errors import BackendFailed
from server.config.folders import find_folders
from server.config.sections import BackendSettings, OffloadSettings
from server.config.settings import Settings
from server.hub import Hub
from server.tools.mcp_server import build_mcp
from tests.engine_requests import collect, request, settings
from tests.mcp_clients import text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.standins.raw import HEAD, RawServer
from tests.standins.serving import Exchange, Reply, json_reply

pytestmark = pytest.mark.anyio

SILENCE = 1.5
CHUNKED = HEAD[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
GIANT = re.compile(r"(?<![\d.])\d{16}|\d(?:,\d{3}){5}|\d[eE]\+\d\d|\binf\b")
NDJSON, EVENTS = "application/x-ndjson", "text/event-stream"
MODELS = 200_000


class LyingOllama(OllamaStandIn):
    """Ollama with hostile answers by path."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: dict[str, Callable[[], Reply]] = {}

    async def _handle(self, exchange: Exchange) -> Reply:
        lie = self.replies.get(exchange.path)
        if lie is not None and (exchange.path != "/api/chat" or exchange.json.get("messages")):
            return lie()
        return await super()._handle(exchange)


@pytest.fixture
def ollama() -> Iterator[LyingOllama]:
    with LyingOllama() as server:
        yield server


@pytest.fixture
async def client(ollama: LyingOllama, tmp_path: Path) -> AsyncIterator[Client]:
    (tmp_path / "a.py").write_text("def f():\n    return 1\n")
    engine = BackendSettings(kind="ollama", url=ollama.url, silence_timeout=SILENCE)
    chosen = Settings(backend=engine, offload=OffloadSettings(repair_rounds=0), roots=(tmp_path,))
    hub = await Hub.start(chosen, find_folders())
    async with Client(build_mcp(hub), mode="2026-07-28") as client:
        yield client
    await hub.close()


async def call(client: Client, tool: str, **arguments: object) -> str:
    return text_of(await client.call_tool(tool, arguments))


async def offload(client: Client, **arguments: object) -> str:
    return await call(client, "offload_work", **{"task": "Write x = 1", "files": ["a.py"], **arguments})


def last_line(**fields: object) -> bytes:
    message = {"role": "assistant", "content": "x = 1\n"}
    return json.dumps({"model": "m", "message": message, "done": True, **fields}).encode() + b"\n"


@pytest.mark.parametrize("number", ["1e300", "9223372036854775807", "1" + "0" * 300])
async def test_giant_numbers_reach_no_text_and_no_sum(
    client: Client, ollama: LyingOllama, number: str
) -> None:
    names = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    counts = ("eval_count", "prompt_eval_count", "context_length", "size", "size_vram")
    lie = json.dumps(dict.fromkeys((*names, *counts), 0)).replace(": 0", f": {number}")
    line = last_line()[:-2] + b"," + lie[1:].encode() + b"\n"
    ollama.replies["/api/chat"] = lambda: Reply(body=line, content_type=NDJSON)
    ollama.replies["/api/ps"] = lambda: Reply(body=b'{"models": [{"name": "m:1b",' + lie[1:].encode() + b"]}")
    texts = [await offload(client, output=f"new{i}.py") for i in range(3)]
    assert "new0.py" in texts[0]
    texts += [await call(client, each) for each in ("list_loaded_models", "cost_dashboard", "get_metrics")]
    assert [each for each in texts if GIANT.search(each)] == []
    assert "m:1b" in texts[3]


async def test_giant_numbers_of_an_openai_server() -> None:
    usage = b'"usage": {"prompt_tokens": 1e300, "completion_tokens": 1e300}'
    timings = b'"timings": {"prompt_ms": 1e300, "predicted_ms": 1e300, "prompt_n": 1e300}'
    choice = b'"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]'
    event = b"data: {" + b", ".join((choice, usage, timings)) + b"}\n\ndata: [DONE]\n\n"
    with RawServer([HEAD + event]) as server:
        backend = OpenAICompatible(server.url, "", settings())
        text, _, end = await collect(backend.generate(request()))
        await backend.close()
    assert (text, end.completion_tokens, end.prompt_tokens) == ("ok", 1, 0)
    assert (end.prompt_seconds, end.generate_seconds) == (0, 0)


async def test_empty_pieces_without_end_do_not_hold_a_slot(client: Client, ollama: LyingOllama) -> None:
    async def empty() -> AsyncIterator[bytes]:
        while True:
            yield b'{"message": {"role": "assistant", "content": ""}, "done": false}\n'
            await asyncio.sleep(0.05)

    ollama.replies["/api/chat"] = lambda: Reply(stream=empty(), content_type=NDJSON)
    began = time.monotonic()
    text = await offload(client, output="new.py")
    assert text.startswith("backend_failed: "), text
    assert "no text for 1.5 s" in text
    assert time.monotonic() - began < 20 * SILENCE
    ollama.replies.clear()
    ollama.answers.default = Answer("x = 1\n")
    assert "new.py" in await offload(client, output="new.py")


def trickle(*pieces: bytes) -> Iterator[bytes]:
    """Send the first piece at once, and the last one again and again, slowly."""
    *first, last = pieces
    yield from first
    while True:
        time.sleep(0.05)
        yield last


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((HEAD, b": still here\n\n"), id="comments"),
        pytest.param((HEAD, b"data: {}\n\n"), id="events without content"),
        pytest.param((HEAD, b"data: ", b"{"), id="a line byte by byte"),
        pytest.param((HEAD[:-2], b"x"), id="a head byte by byte"),
        pytest.param((b"HTTP/1.1 100 Continue\r\n\r\n",), id="informational answers"),
        pytest.param((CHUNKED, b"3\r\nx: \r\n", b"1;", b"x"), id="a chunk's extension byte by byte"),
        pytest.param((CHUNKED, b"0\r\n", b"a: b\r\n"), id="trailers"),
    ],
)
async def test_a_server_that_keeps_the_connection_busy_is_given_up(pieces: tuple[bytes, ...]) -> None:
    limits = settings(connect_timeout=0.1, silence_timeout=0.5)
    with RawServer(trickle(*pieces)) as server:
        backend = OpenAICompatible(server.url, "", limits)
        with pytest.raises(BackendFailed):
            await asyncio.wait_for(collect(backend.generate(request())), 30)
        await backend.close()


async def test_an_endless_list_of_models_does_not_reach_the_client(
    client: Client, ollama: LyingOllama
) -> None:
    models = [{"name": f"model-{number:06}:7b", "size": 1} for number in range(MODELS)]
    for path in ("/api/tags", "/api/ps"):
        ollama.replies[path] = lambda: json_reply({"models": models})
    texts = [
        await call(client, "list_loaded_models"),
        await call(client, "recommend_model", category="general"),
        await call(client, "preload_model", model="no-such-model"),
        await call(client, "get_metrics", format="prometheus"),
    ]
    assert "model-000000:7b" in texts[0]
    assert "more" in texts[0]
    assert {len(text) < 20_000 for text in texts[3:]} == {True}
    assert max(len(text) for text in texts[:3]) < 3_000
    assert len(models_of(models)) == MOST_MODELS, "answers and metrics list fewer by themselves"


async def test_an_endless_name_does_not_reach_the_client(client: Client, ollama: LyingOllama) -> None:
    ollama.replies["/api/ps"] = lambda: json_reply({"models": [{"name": "m" * 1_000_000}]})
    assert len(await call(client, "list_loaded_models")) < 3_000


async def test_escapes_reach_no_client(client: Client, ollama: LyingOllama, tmp_path: Path) -> None:
    escape = "\x1b]52;c;cm0gLXJmIH4=\x07\x9b2J\u202e"
    heard: list[str] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        heard.append(message or "")

    ollama.answers.default = Answer(f"The word is {escape}plain.")
    asked = {"task": "Say which word it is.", "files": ["a.py"], "output_format": "raw"}
    said = text_of(await client.call_tool("offload_work", asked, progress_callback=hear))
    missing = await offload(client, files=[f"missing{escape}.py"])
    unknown = await offload(client, output=f"a{escape}", model=f"m{escape}")
    ollama.replies["/api/chat"] = lambda: json_reply({"error": f"no {escape}"}, 500)
    failed = await offload(client)
    assert "plain" in said
    for text in (said, missing, unknown, failed, *heard):
        assert not CONTROL.search(text.replace("\n", "").replace("\t", "")), repr(text)
