"""A stand-in for the Messages API, for the real Claude Code CLI to talk to.

A script says what the "model" answers, turn by turn::

    script = [[ToolUse("mcp__token-saver__offload_work", {"task": "…"})], [Text("All done.")]]
    with MessagesStandIn(script) as api:
        run_claude_code("do it", api.url, …)
    api.requests[-1]["messages"]  # what the client sent, tool results included
    api.arrivals  # when each request came, in terms of time.monotonic

The turn is chosen by how many assistant messages a request holds, so repeats of a request get the same
answer. Requests without tools (titles, summaries) are answered with a plain word. Token counts are one
for every four characters of JSON: not Claude's, but consistent, as a transcript's reader needs. With a
``PromptCache`` they are divided into reads and writes, as the API's.
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.standins.prompt_cache import PromptCache, blocks_of

CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Text:
    """The model answers with text."""

    text: str


@dataclass(frozen=True)
class ToolUse:
    """The model calls a tool."""

    name: str
    input: dict[str, Any]


Turn = Sequence[Text | ToolUse]


class MessagesStandIn:
    """Serves ``/v1/messages`` on a free port of 127.0.0.1 within a ``with`` block."""

    def __init__(self, script: Sequence[Turn], cache: PromptCache | None = None) -> None:
        self.script = script
        self.cache = cache
        self.requests: list[dict[str, Any]] = []
        self.arrivals: list[float] = []
        self.answers: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Value for ``ANTHROPIC_BASE_URL``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the message that answers a request, and remember both. A sub-agent asks at the same time."""
        with self._lock:
            self.requests.append(request)
            self.arrivals.append(time.monotonic())
            message = _message(request, self.turn_for(request), len(self.requests), self.cache)
            self.answers.append(message)
        return message

    def turn_for(self, request: dict[str, Any]) -> Turn:
        """Return the script's reply to this request."""
        if not request.get("tools"):
            return [Text("ok")]
        said = sum(message["role"] == "assistant" for message in request["messages"])
        return self.script[said] if said < len(self.script) else [Text("Done.")]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def tool_results(self) -> list[dict[str, Any]]:
        """Return the ``tool_result`` blocks of the longest conversation, in order."""
        with_tools = [request for request in self.requests if request.get("tools")]
        if not with_tools:
            return []
        longest = max(with_tools, key=lambda request: len(request["messages"]))
        return [
            block
            for message in longest["messages"]
            if message["role"] == "user" and isinstance(message["content"], list)
            for block in message["content"]
            if block["type"] == "tool_result"
        ]


def _handler(stand_in: MessagesStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            path = self.path.partition("?")[0]
            if path == "/v1/messages/count_tokens":
                self._send_json({"input_tokens": _tokens(body)})
            elif path != "/v1/messages":
                self._send_json({}, 404)
            else:
                self._send_message(body)

        def do_GET(self) -> None:
            self._send_json({"data": [], "has_more": False})

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            return

        def _send_message(self, request: dict[str, Any]) -> None:
            message = stand_in.answer(request)
            if not request.get("stream"):
                self._send_json(message)
                return
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for event in _events(message):
                self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            self.close_connection = True

        def _send_json(self, value: Any, status: int = 200) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _message(request: dict[str, Any], turn: Turn, number: int, cache: PromptCache | None) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for index, block in enumerate(turn):
        if isinstance(block, Text):
            content.append({"type": "text", "text": block.text})
        else:
            tool_id = f"toolu_{number:04}{index:04}"
            content.append({"type": "tool_use", "id": tool_id, "name": block.name, "input": block.input})
    calls = any(isinstance(block, ToolUse) for block in turn)
    return {
        "id": f"msg_{number:08}",
        "type": "message",
        "role": "assistant",
        "model": request.get("model", "claude-stand-in"),
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": _usage(request, content, number, cache),
    }


def _usage(
    request: dict[str, Any], content: list[dict[str, Any]], number: int, cache: PromptCache | None
) -> dict[str, Any]:
    if cache is not None:
        answer = {"messages": [{"content": content}]}
        output = sum(cache.size(block) for block in blocks_of(answer))
        return {**cache.usage(request, number), "output_tokens": output}
    return {
        "input_tokens": _tokens([request.get("system"), request.get("tools"), request["messages"]]),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": _tokens(content),
    }


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the message as the API's server-sent events."""
    usage = message["usage"]
    start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


def _tokens(value: Any) -> int:
    return max(1, len(json.dumps(value)) // CHARACTERS_PER_TOKEN)
