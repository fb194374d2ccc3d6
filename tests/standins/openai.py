"""Stand-in for servers with OpenAI's protocol, in their dialects.

``llama-server`` answers as xllamacpp 2026.10 was seen to, the others as their documentation says::

    with OpenAIStandIn("lmstudio") as server:
        server.answers.when("slugify", "def slugify(text): …")
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.standins.answers import Answer, Answers, count_tokens
from tests.standins.completions import CREATED, DONE, choice, chunk, completion, event, usage
from tests.standins.serving import BreakOff, Exchange, Reply, StandInServer, json_reply

MODEL = "qwen2.5-coder-1.5b"
OWNERS = {
    "llama-server": "llamacpp",
    "old-llama-server": "llamacpp",
    "router": "llamacpp",
    "llama-swap": "llama-swap",
    "vllm": "vllm",
}
PLAIN_FIELDS = {"model", "messages", "stream", "stream_options", "max_tokens", "temperature", "seed"}


@dataclass
class OpenAIModel:
    """A model of the server. ``num_ctx`` is the context of the loaded model, 0 if it is not loaded."""

    size: int = 1_117_000_000
    context_length: int = 32_768
    num_ctx: int = 4096
    embeds: bool = False
    fails: bool = False
    """Whether loading fails."""
    idles: bool = False
    """Whether a router reports loading but does nothing."""


class OpenAIStandIn(StandInServer):
    """The server, in one ``dialect``: ``llama-server``, ``router``, ``llama-swap``, ``lmstudio``,
    ``vllm`` or ``plain`` (which refuses every field that it does not know). ``queues`` lets requests beyond
    the ``slots`` wait, as real servers do; else all are answered at once."""

    def __init__(
        self, dialect: str = "llama-server", *, api_key: str = "", slots: int = 1, queues: bool = False
    ) -> None:
        super().__init__(self._handle)
        self.dialect = dialect
        self.answers = Answers()
        self.models = {MODEL: OpenAIModel()}
        self.downloads: dict[str, int] = {}
        self.slots = slots
        self.running = 0
        self.most_running = 0
        self._free = asyncio.Semaphore(slots) if queues else contextlib.nullcontext()
        self._api_key = api_key

    async def _handle(self, exchange: Exchange) -> Reply:
        if self._api_key and exchange.headers.get("authorization") != f"Bearer {self._api_key}":
            return _error(401, "Invalid API Key", "authentication_error")
        call = (exchange.method, exchange.path)
        if call == ("GET", "/v1/models"):
            return json_reply({"object": "list", "data": [self._entry(name) for name in self.models]})
        if call == ("POST", "/v1/chat/completions"):
            return await self._chat(exchange.json)
        special = _DIALECTS.get(self.dialect, lambda *_: None)
        return special(self, exchange) or self._unknown(exchange)

    def _unknown(self, exchange: Exchange) -> Reply:
        if self.dialect == "lmstudio":
            return json_reply(
                {"error": f"Unexpected endpoint or method. ({exchange.method} {exchange.path})"}
            )
        return _error(404, "File Not Found", "not_found_error")

    def _entry(self, name: str) -> dict[str, Any]:
        model = self.models[name]
        owner = OWNERS.get(self.dialect, "organization_owner")
        entry: dict[str, Any] = {"id": name, "object": "model", "created": CREATED, "owned_by": owner}
        if self.dialect == "vllm":
            entry["max_model_len"] = model.num_ctx
        if self.dialect in ("router", "llama-swap"):
            entry["status"] = {"value": "loaded" if model.num_ctx else "unloaded"}
        if self.dialect in ("llama-server", "router") and model.num_ctx:
            meta = {"n_ctx": model.num_ctx, "n_ctx_train": model.context_length, "n_params": 1_543_714_304}
            entry["meta"] = meta | {"size": model.size, "ftype": "Q4_K_M"}
        return entry

    async def _chat(self, body: dict[str, Any]) -> Reply:
        if self.dialect == "plain" and set(body) - PLAIN_FIELDS:
            return _error(400, f"Unrecognized request arguments: {set(body) - PLAIN_FIELDS}", "invalid")
        model = self.models.get(body["model"])
        if model is None:
            return _error(404, f"The model `{body['model']}` does not exist.", "NotFoundError")
        model.num_ctx = model.num_ctx or 4096
        tokens = count_tokens(body["messages"])
        if tokens > model.num_ctx:
            return self._overflow(tokens, model.num_ctx)
        answer = self.answers.to(body)
        if body.get("stream"):
            return Reply(stream=self._events(body, answer, tokens), content_type="text/event-stream")
        text = "".join(answer.pieces[: body.get("max_tokens")])
        return json_reply(completion(body["model"], text, "stop", usage(tokens, 1), "b0"))

    def _overflow(self, tokens: int, num_ctx: int) -> Reply:
        if self.dialect in ("llama-server", "router"):
            words = f"request ({tokens} tokens) exceeds the available context size ({num_ctx} tokens)"
            counts = {"n_prompt_tokens": tokens, "n_ctx": num_ctx}
            return _error(400, words, "exceed_context_size_error", **counts)
        words = f"This model's maximum context length is {num_ctx} tokens. However, you requested {tokens}."
        return _error(400, words, "BadRequestError")

    async def _events(self, body: dict[str, Any], answer: Answer, tokens: int) -> AsyncIterator[bytes]:
        async with self._free:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                async for part in self._answer_events(body, answer, answer.prompt_tokens or tokens):
                    yield part
            finally:
                self.running -= 1

    async def _answer_events(self, body: dict[str, Any], answer: Answer, tokens: int) -> AsyncIterator[bytes]:
        name, most = body["model"], body["max_tokens"]
        yield b": keep-alive\n\n"
        if body.get("return_progress"):
            for done in (0, tokens):
                progress = {"total": tokens, "cache": 0, "processed": done, "time_ms": 1}
                yield chunk(
                    name, "b0", choice({"role": "assistant", "content": None}), prompt_progress=progress
                )
        await asyncio.sleep(answer.first_delay)
        for thought in answer.thinking.split(" ") if answer.thinking else ():
            yield chunk(name, "b0", choice({"reasoning_content": f"{thought} "}))
        while True:
            pieces = answer.pieces[:most]
            for number, piece in enumerate(pieces):
                await answer.before(number, len(pieces))
                yield chunk(name, "b0", choice({"content": piece}))
            if answer.ends != "endless":
                break
        if answer.ends == "early":
            return
        if answer.ends != "stop":
            yield ENDINGS[answer.ends]
            raise BreakOff
        count = len(answer.pieces)
        yield chunk(name, "b0", choice({}, "length" if count > most else answer.reason))
        timings = {"cache_n": 0, "prompt_n": tokens, "prompt_ms": 250.0, "predicted_ms": 1500.0}
        more = {"timings": timings} if self.dialect in ("llama-server", "router") else {}
        yield chunk(name, "b0", [], usage=usage(tokens, min(count, most)), **more)
        yield DONE


ENDINGS = {
    "broken": b"",
    "half": chunk(MODEL, "b0", choice({"content": "cut"}))[:60],
    "garbage": b"<html>502 Bad Gateway</html>\n",
    "utf8": b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n',
    "long": b'data: {"choices":[{"delta":{"content":"' + b"a" * (2 << 20),
    "error": event({"error": {"message": "CUDA error: out of memory", "code": 500}}),
}
"""The end of a failing answer, before the connection drops."""


def _llama_server(server: OpenAIStandIn, exchange: Exchange) -> Reply | None:
    (model,) = server.models.values()
    match exchange.method, exchange.path:
        case "GET", "/health":
            return json_reply({"status": "ok"})
        case "GET", "/props":
            return json_reply(_props(server, model))
        case "POST", "/v1/chat/completions/input_tokens":
            tokens = count_tokens(exchange.json["messages"])
            return json_reply({"input_tokens": tokens, "object": "response.input_tokens"})
    return None


def _old_llama_server(server: OpenAIStandIn, exchange: Exchange) -> Reply | None:
    match exchange.method, exchange.path:
        case "POST", "/apply-template":
            return json_reply({"prompt": json.dumps(exchange.json["messages"])})
        case "POST", "/tokenize":
            return json_reply({"tokens": [0] * count_tokens(json.loads(exchange.json["content"]))})
        case "POST", "/v1/chat/completions/input_tokens":
            return None
    return _llama_server(server, exchange)


def _router(server: OpenAIStandIn, exchange: Exchange) -> Reply | None:  # noqa: PLR0911  # one a route
    match exchange.method, exchange.path:
        case "GET", "/props":
            name = parse_qs(exchange.query).get("model", [""])[0]
            if not name:
                return json_reply({"role": "router", "default_generation_settings": {"n_ctx": 0}})
            return json_reply(_props(server, server.models[name]))
        case "POST", "/models/load":
            model = server.models[exchange.json["model"]]
            if model.fails:
                return _error(500, "failed to load", "server_error")
            model.num_ctx = 0 if model.idles else 8192
            return json_reply({"success": True})
        case "POST", "/models/unload":
            server.models[exchange.json["model"]].num_ctx = 0
            return json_reply({"success": True})
        case "POST", "/v1/chat/completions/input_tokens":
            return json_reply({"input_tokens": count_tokens(exchange.json["messages"])})
    return None


def _llama_swap(server: OpenAIStandIn, exchange: Exchange) -> Reply | None:
    if (exchange.method, exchange.path) == ("GET", "/running"):
        running = [{"model": name, "state": "ready"} for name, each in server.models.items() if each.num_ctx]
        return json_reply({"running": running})
    if exchange.method == "POST" and exchange.path.startswith("/api/models/unload/"):
        server.models[unquote(exchange.path.rpartition("/")[2])].num_ctx = 0
        return Reply(body=b"OK", content_type="text/plain")
    return None


def _lmstudio(server: OpenAIStandIn, exchange: Exchange) -> Reply | None:  # noqa: PLR0911  # one a route
    match exchange.method, exchange.path:
        case "GET", "/lmstudio-greeting":
            return json_reply({"lmstudio": True})
        case "GET", "/api/v1/models":
            return json_reply({"models": [_lmstudio_entry(server, name) for name in server.models]})
        case "POST", "/api/v1/models/load":
            model = server.models[exchange.json["model"]]
            if model.fails:
                return _error(500, "Failed to load model", "model_load_failed")
            model.num_ctx = exchange.json["context_length"]
            loaded = {"instance_id": exchange.json["model"], "status": "loaded", "load_time_seconds": 0.1}
            return json_reply({"type": "llm", **loaded})
        case "POST", "/api/v1/models/unload":
            server.models[exchange.json["instance_id"]].num_ctx = 0
            return json_reply({"instance_id": exchange.json["instance_id"]})
        case "POST", "/api/v1/models/download":
            return _lmstudio_download(server, exchange.json["model"])
        case "GET", path if path.startswith("/api/v1/models/download/status/"):
            return _lmstudio_download(server, path.rpartition("/")[2])
    return None


def _lmstudio_entry(server: OpenAIStandIn, name: str) -> dict[str, Any]:
    model = server.models[name]
    config = {"context_length": model.num_ctx, "parallel": server.slots}
    return {
        "type": "embedding" if model.embeds else "llm",
        "key": name,
        "architecture": "qwen2",
        "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
        "size_bytes": model.size,
        "params_string": "1.5B",
        "loaded_instances": [{"id": name, "config": config}] if model.num_ctx else [],
        "max_context_length": model.context_length,
        "format": "gguf",
    }


def _lmstudio_download(server: OpenAIStandIn, name: str) -> Reply:
    if name not in server.downloads:
        return json_reply({"error": {"message": f"Model {name} was not found in the catalogue"}})
    server.downloads[name] = done = min(server.downloads[name] + 500, 1000)
    status = "completed" if done == 1000 else "downloading"
    if status == "completed":
        server.models[name] = OpenAIModel(num_ctx=0)
    return json_reply({"job_id": name, "status": status, "total_size_bytes": 1000, "downloaded_bytes": done})


def _props(server: OpenAIStandIn, model: OpenAIModel) -> dict[str, Any]:
    settings = {"params": {}, "n_ctx": model.num_ctx}
    return {"default_generation_settings": settings, "total_slots": server.slots, "build_info": "b0"}


def _error(status: int, message: str, kind: str, **more: Any) -> Reply:
    return json_reply({"error": {"code": status, "message": message, "type": kind, **more}}, status)


_DIALECTS: dict[str, Any] = {
    "llama-server": _llama_server,
    "old-llama-server": _old_llama_server,
    "router": _router,
    "llama-swap": _llama_swap,
    "lmstudio": _lmstudio,
}
