"""Stand-in for Ollama: a real HTTP server that answers as in the recorded exchanges.

``test_ollama_contract.py`` holds it to the records in ``tests/data/ollama/exchanges.jsonl``, and to the
official client. It has no model: ``answers`` says what it "generates"::

    with OllamaStandIn() as ollama:
        ollama.answers.when("slugify", Answer("def slugify(text): …", delay=0.01))
        ollama.models["qwen3:8b"] = StandInModel(size=5_200_000_000)
        ollama.outcomes("/api/chat")  # ["answered", "dropped"]
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.standins.answers import Answer, Answers, count_tokens
from tests.standins.completions import answer_events, completion, usage
from tests.standins.ollama_registry import Registered, pull_lines
from tests.standins.ollama_words import GoError, check_chat, keep_alive_seconds, parse_body
from tests.standins.serving import BreakOff, Exchange, Reply, StandInServer, json_reply

VERSION = "0.33.0-rc2"
CODER = "qwen2.5-coder:0.5b"
JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
FOREVER_SECONDS = 2**63 / 1e9


@dataclass(frozen=True)
class StandInModel:
    """An installed model. ``load_seconds`` is the duration of a load, ``vram`` the share in VRAM."""

    size: int = 491_400_218
    context_length: int = 32_768
    family: str = "qwen2"
    parameters: str = "630.17M"
    quantization: str = "Q4_K_M"
    capabilities: tuple[str, ...] = ("completion",)
    thinks: bool = False
    load_seconds: float = 0.0
    vram: float = 0.0
    needs: int = 0
    """Bytes of memory that it needs; with more than ``OllamaStandIn.memory`` it does not load."""
    remote_host: str = ""
    parent: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Additional keys of the GGUF header; arrays are included in verbose answers only."""
    taken: int = 0
    """Memory according to ``/api/ps``; 0 means its size plus 24 kB per token of its context."""


@dataclass
class Loaded:
    """A model in memory."""

    num_ctx: int
    expires_at: datetime


class OllamaStandIn(StandInServer):
    """The server. ``slots`` is ``OLLAMA_NUM_PARALLEL``; ``running`` and ``most_running`` count chats."""

    def __init__(self, slots: int = 1, port: int = 0) -> None:
        super().__init__(self._handle, port)
        self.answers = Answers()
        self.models: dict[str, StandInModel] = {CODER: StandInModel()}
        self.registry: dict[str, Registered] = {}
        self.loaded: dict[str, Loaded] = {}
        self.loads: list[tuple[str, int]] = []
        self.memory = 8 << 30
        self.running = 0
        self.most_running = 0
        self._slots = slots
        self._free: asyncio.Semaphore | None = None

    async def _handle(self, exchange: Exchange) -> Reply:
        route = _ROUTES.get(exchange.path)
        if route is None:
            return Reply(404, b"404 page not found", content_type="text/plain")
        method, answer = route
        if exchange.method != method:
            return Reply(405, b"405 method not allowed", content_type="text/plain")
        try:
            body = parse_body(exchange.body) if method != "GET" else {}
            return await answer(self, body)
        except GoError as error:
            return json_reply({"error": error.message}, error.status, error.content_type)

    async def _root(self, _: dict[str, Any]) -> Reply:
        return Reply(body=b"Ollama is running", content_type="text/plain; charset=utf-8")

    async def _version(self, _: dict[str, Any]) -> Reply:
        return json_reply({"version": VERSION}, content_type=JSON)

    async def _tags(self, _: dict[str, Any]) -> Reply:
        return json_reply(
            {"models": [_tag(name, model) for name, model in self.models.items()]}, content_type=JSON
        )

    async def _ps(self, _: dict[str, Any]) -> Reply:
        self._expire()
        loaded = [self._process(name, each) for name, each in self.loaded.items()]
        return json_reply({"models": loaded}, content_type=JSON)

    async def _show(self, body: dict[str, Any]) -> Reply:
        name = self._known(body)
        model = self.models[name]
        info = {
            "general.architecture": model.family,
            "general.parameter_count": 630167424,
            f"{model.family}.context_length": model.context_length,
            **{key: _shown(value, body) for key, value in model.metadata.items()},
        }
        shown = {
            "modelfile": f"FROM {name}",
            "template": "{{ .Prompt }}",
            "details": _details(model),
            "model_info": info,
            "tensors": [],
            "capabilities": ["tools", *model.capabilities],
            "modified_at": "2026-11-21T04:32:04.81568188Z",
        }
        return json_reply(shown, content_type=JSON)

    async def _delete(self, body: dict[str, Any]) -> Reply:
        del self.models[self._known(body)]
        return Reply()

    async def _chat(self, body: dict[str, Any]) -> Reply:
        name = self._known(body)
        check_chat(name, body, thinks=self.models[name].thinks)
        messages = body.get("messages") or []
        seconds = keep_alive_seconds(body.get("keep_alive"))
        if not messages:
            return await self._load_or_unload(name, body, seconds)
        num_ctx = self._num_ctx(name, body)
        answer = self.answers.to(body)
        prompt_tokens = answer.prompt_tokens or count_tokens(messages)
        if prompt_tokens > num_ctx:
            if body.get("truncate", True) is False:
                raise _overflow(prompt_tokens, num_ctx, streams=body.get("stream", True))
            prompt_tokens = count_tokens(messages[-1:]) % num_ctx
        lines = self._generate(name, body, answer, prompt_tokens, seconds)
        if body.get("stream", True):
            return Reply(stream=lines, content_type=NDJSON)
        return json_reply(_joined([json.loads(line) async for line in lines]), content_type=JSON)

    async def _generate(
        self, name: str, body: dict[str, Any], answer: Answer, prompt_tokens: int, seconds: float
    ) -> AsyncIterator[bytes]:
        if self._free is None:
            self._free = asyncio.Semaphore(self._slots)
        began = time.perf_counter_ns()
        async with self._free:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                await self._ready(name, self._num_ctx(name, body), seconds)
                loaded = time.perf_counter_ns()
                async for line in _lines(name, answer, _most(body)):
                    yield line
                pieces = len(answer.pieces)
                cut = pieces > _most(body)
                yield _line(
                    name,
                    "",
                    done=True,
                    done_reason="length" if cut else answer.reason,
                    total_duration=time.perf_counter_ns() - began,
                    load_duration=loaded - began,
                    prompt_eval_count=prompt_tokens,
                    prompt_eval_duration=1000,
                    eval_count=_most(body) if cut else pieces + 1,
                    eval_duration=time.perf_counter_ns() - loaded,
                )
            finally:
                if name in self.loaded:  # unless it was unloaded meanwhile
                    self.loaded[name] = Loaded(self._num_ctx(name, body), _expiry(seconds))
                self.running -= 1

    async def _load_or_unload(self, name: str, body: dict[str, Any], seconds: float) -> Reply:
        if seconds == 0:
            self.loaded.pop(name, None)
        else:
            await self._ready(name, self._num_ctx(name, body), seconds)
        done = {"done": True, "done_reason": "unload" if seconds == 0 else "load"}
        message = {"role": "assistant", "content": ""}
        return json_reply(
            {"model": name, "created_at": _now(), "message": message, **done}, content_type=JSON
        )

    async def _ready(self, name: str, num_ctx: int, seconds: float) -> None:
        model = self.models[name]
        if model.needs > self.memory:
            raise GoError(
                500,
                f"model requires more system memory ({model.needs / 2**30:.1f} GiB) "
                f"than is available ({self.memory / 2**30:.1f} GiB)",
            )
        present = self.loaded.get(name)
        if present is None or present.num_ctx != num_ctx:
            await asyncio.sleep(model.load_seconds)
            self.loads.append((name, num_ctx))
        self.loaded[name] = Loaded(num_ctx, _expiry(seconds))

    async def _pull(self, body: dict[str, Any]) -> Reply:
        name = body.get("model") or body.get("name") or ""
        if body.get("stream", True):
            return Reply(stream=self._pulling(name), content_type=NDJSON)
        lines = [json.loads(line) async for line in self._pulling(name)]
        if "error" in lines[-1]:
            raise GoError(500, lines[-1]["error"], "application/json")
        return json_reply(lines[-1])

    async def _pulling(self, name: str) -> AsyncIterator[bytes]:
        registered = self.registry.get(name)
        async for line in pull_lines(name, registered):
            if line.get("status") == "success" and registered:
                self.models[name] = StandInModel(size=sum(registered.layers))
            yield _dump(line)

    async def _openai_models(self, _: dict[str, Any]) -> Reply:
        entry = {"object": "model", "created": 1795237711, "owned_by": "library"}
        return json_reply({"object": "list", "data": [{"id": name, **entry} for name in self.models]})

    async def _openai_chat(self, body: dict[str, Any]) -> Reply:
        name = body.get("model", "")
        if name not in self.models:
            error = {"type": "not_found_error", "param": None, "code": None}
            return json_reply({"error": {"message": f"model '{name}' not found", **error}}, 404)
        answer, most = self.answers.to(body), body.get("max_tokens", 1 << 30)
        pieces = answer.pieces
        counts = usage(count_tokens(body["messages"]), min(len(pieces), most))
        reason, fingerprint = "length" if len(pieces) > most else "stop", "fp_ollama"
        if body.get("stream"):
            stream = answer_events(name, pieces[:most], reason, counts, fingerprint)
            return Reply(stream=stream, content_type="text/event-stream")
        return json_reply(completion(name, "".join(pieces[:most]), reason, counts, fingerprint))

    def _known(self, body: dict[str, Any]) -> str:
        name: str = body.get("model") or body.get("name") or ""
        full = name if name in self.models else f"{name}:latest"
        if full not in self.models:
            raise GoError(404, f"model '{name}' not found")
        return full

    def _num_ctx(self, name: str, body: dict[str, Any]) -> int:
        asked = (body.get("options") or {}).get("num_ctx", 4096)
        return min(int(asked), self.models[name].context_length)

    def _expire(self) -> None:
        if self.running:
            return  # a used model stays
        now = datetime.now(UTC)
        self.loaded = {name: each for name, each in self.loaded.items() if each.expires_at > now}

    def _process(self, name: str, loaded: Loaded) -> dict[str, Any]:
        model = self.models[name]
        size = model.taken or model.size + loaded.num_ctx * 24_000
        return {
            "name": name,
            "model": name,
            "size": size,
            "digest": _digest(name),
            "details": _details(model),
            "expires_at": loaded.expires_at.isoformat().replace("+00:00", "Z"),
            "size_vram": int(size * model.vram),
            "context_length": loaded.num_ctx,
        }


async def _lines(name: str, answer: Answer, most: int) -> AsyncIterator[bytes]:
    await asyncio.sleep(answer.first_delay)
    for thought in answer.thinking.split(" ") if answer.thinking else ():
        yield _line(name, "", thinking=f"{thought} ")
    while True:
        pieces = answer.pieces[:most]
        for number, piece in enumerate(pieces):
            await answer.before(number, len(pieces))
            yield _line(name, piece)
        if answer.ends != "endless":
            break
    if answer.ends != "stop":
        yield ENDINGS[answer.ends](name)
        raise BreakOff


ENDINGS: dict[str, Any] = {
    "broken": lambda _: b"",
    "half": lambda name: _line(name, "cut")[:40],
    "garbage": lambda _: b"<html>502 Bad Gateway</html>\n",
    "utf8": lambda _: b'{"message":{"content":"\xff\xfe"},"done":false}\n',
    "long": lambda _: b'{"message":{"content":"' + b"a" * (2 << 20),
    "error": lambda _: b'{"error":"an error was encountered while running the model: CUDA error"}\n',
}
"""The end of a failing answer, before the connection drops."""


def _shown(value: Any, body: dict[str, Any]) -> Any:
    return None if isinstance(value, list) and not body.get("verbose") else value


def _most(body: dict[str, Any]) -> int:
    limit = (body.get("options") or {}).get("num_predict", -1)
    return limit if limit >= 0 else 1 << 30


def _line(name: str, content: str, *, done: bool = False, thinking: str = "", **more: Any) -> bytes:
    message = {"role": "assistant", "content": content} | ({"thinking": thinking} if thinking else {})
    return _dump({"model": name, "created_at": _now(), "message": message, "done": done, **more})


def _joined(lines: list[dict[str, Any]]) -> dict[str, Any]:
    text = "".join(line["message"]["content"] for line in lines)
    return lines[-1] | {"message": {"role": "assistant", "content": text}}


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _expiry(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds if seconds > 0 else FOREVER_SECONDS)


def _digest(name: str) -> str:
    return name.encode().hex().ljust(64, "0")[:64]


def _details(model: StandInModel) -> dict[str, Any]:
    return {
        "parent_model": model.parent,
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameters,
        "quantization_level": model.quantization,
    }


def _tag(name: str, model: StandInModel) -> dict[str, Any]:
    tag = {
        "name": name,
        "model": name,
        "modified_at": "2026-11-21T04:32:04.81568188Z",
        "size": model.size,
        "digest": _digest(name),
        "details": _details(model) | {"context_length": model.context_length, "embedding_length": 896},
        "capabilities": list(model.capabilities),
    }
    return tag | ({"remote_host": model.remote_host, "remote_model": name} if model.remote_host else {})


def _overflow(tokens: int, num_ctx: int, *, streams: bool) -> GoError:
    inner = {
        "code": 400,
        "message": f"request ({tokens} tokens) exceeds the available context size ({num_ctx} tokens), "
        "try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": tokens,
        "n_ctx": num_ctx,
    }
    message = json.dumps({"error": inner}, separators=(",", ":"))
    return GoError(400, message, "application/json" if streams else JSON)


_ROUTES: dict[str, tuple[str, Any]] = {
    "/": ("GET", OllamaStandIn._root),
    "/api/version": ("GET", OllamaStandIn._version),
    "/api/tags": ("GET", OllamaStandIn._tags),
    "/api/ps": ("GET", OllamaStandIn._ps),
    "/api/show": ("POST", OllamaStandIn._show),
    "/api/chat": ("POST", OllamaStandIn._chat),
    "/api/pull": ("POST", OllamaStandIn._pull),
    "/api/delete": ("DELETE", OllamaStandIn._delete),
    "/v1/models": ("GET", OllamaStandIn._openai_models),
    "/v1/chat/completions": ("POST", OllamaStandIn._openai_chat),
}
