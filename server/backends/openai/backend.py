"""Backend for any server with ``/v1/chat/completions``: everything the dialects have in common.

A server's additional capabilities are in its dialect: ``llama_server``, ``llama_router``, ``lmstudio``,
``llama_swap``, ``vllm``. For all other servers, which can only generate, this class is enough.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NoReturn

from server.backends.address import engine_url, place_of
from server.backends.base import (
    Capabilities,
    GenerationItem,
    GenerationRequest,
    InstalledModel,
    LoadedModel,
    Message,
    ReportPull,
)
from server.backends.connection import EngineConnection, Refused
from server.backends.generation_limits import PromptCounts, too_long
from server.backends.model_names import not_found
from server.backends.openai.chat_stream import ChatReader
from server.backends.wire import Garbled, StreamError, label_of, models_of, tokens_of
from server.common.errors import BackendError, BackendFailed, BackendUnsupported, QueueFull
from server.config.settings import Settings

# A prompt that is too long: llama.cpp's error type, and messages of vLLM, LM Studio, TabbyAPI and others.
_OVERFLOW_TYPES = ("exceed_context_size_error", "context_length_exceeded")
_OVERFLOW = re.compile(
    r"context (?:length|size|window|overflow)|maximum (?:context|model) length", re.IGNORECASE
)

# A router whose engines do not answer: LiteLLM, llama-swap, and llama.cpp's router.
_AWAY = re.compile(
    r"connection (?:error|refused|reset)|cannot connect|could not connect|no (?:healthy|available) ",
    re.IGNORECASE,
)


class OpenAICompatible:
    """A server at ``url`` (with or without ``/v1``).

    Args:
        url: its address.
        api_key: sent as a bearer token unless empty.
        settings: timeouts, and whether other machines are allowed.

    Raises:
        SettingsError: the address is invalid, or on another machine without permission.
    """

    kind = "openai"
    product = "The OpenAI-compatible server"
    start_hint = "Start it, or set [backend] url to its address."
    capabilities = Capabilities(tells_slots=False)

    def __init__(self, url: str, api_key: str, settings: Settings) -> None:
        self.url = engine_url(url)
        self.label = f"{self.product.removeprefix('The ')} at {place_of(self.url)}"
        self._settings = settings.backend
        self._counts = PromptCounts()
        self._connection = EngineConnection(
            self.url,
            settings.backend,
            product=self.product,
            start_hint=self.start_hint,
            api_key=api_key,
        )

    async def check(self) -> None:
        """Check that the server answers."""
        await self.entries()

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Return the models listed by ``/v1/models``."""
        return tuple(
            InstalledModel(name=name, context_length=tokens_of(entry.get("max_model_len")))
            for entry in await self.entries()
            if (name := label_of(entry.get("id")))
        )

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """See ``Backend``."""
        self._unsupported("list loaded models")

    async def context_length(self, model: str) -> int:
        """Return the model's context length if the server reports it (vLLM's ``max_model_len``),
        otherwise 0.
        """
        models = await self.installed()
        for each in models:
            if each.name == model:
                return each.context_length
        raise not_found(model, models)

    async def slots(self, model: str) -> int:  # noqa: ARG002  # the protocol's signature
        """Return 1 as a starting point, because the protocol does not report a number."""
        return 1

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:  # noqa: ARG002
        """See ``Backend``."""
        self._unsupported("load a model on request")

    async def unload(self, model: str) -> None:  # noqa: ARG002
        """See ``Backend``."""
        self._unsupported("unload a model")

    async def pull(self, model: str, report: ReportPull) -> None:  # noqa: ARG002
        """See ``Backend``."""
        self._unsupported("download a model")

    async def count_tokens(
        self,
        model: str,  # noqa: ARG002
        messages: tuple[Message, ...],  # noqa: ARG002
        num_ctx: int,  # noqa: ARG002
    ) -> int | None:
        """Return None, because the protocol has no route for counting tokens."""
        return None

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        """See ``Backend``."""
        await self._prepare(request)
        reader, stall = ChatReader(request), self._connection.stall_guard()
        try:
            async with aclosing(
                self._connection.stream("/v1/chat/completions", self._body(request), stall)
            ) as lines:
                async for line in lines:
                    for item in reader.read(line):
                        yield item
                    stall.note(reader.progress)
                    if reader.done:
                        break
            for item in reader.finish():
                yield item
        except Refused as refusal:
            raise await self._explained(refusal, request.model) from None
        except StreamError as error:
            raise self._explained_text(str(error), {}) from None
        except Garbled as error:
            raise self._connection.failed(f"sent {error}") from None
        completed = reader.completed()
        tokens = self._counts.whole(request, completed.prompt_tokens, completed.cached_tokens)
        yield replace(completed, prompt_tokens=tokens)

    async def entries(self) -> list[dict[str, Any]]:
        """Return the entries of ``/v1/models``, at most ``MOST_MODELS``.

        Raises:
            BackendFailed: the server is not OpenAI-compatible, or rejects the key.
        """
        data = (await self._ask("GET", "/v1/models")).get("data")
        if not isinstance(data, list):
            raise self._connection.failed("is not an OpenAI-compatible server", "Fix [backend] url.")
        return models_of(data)

    async def probe(self, path: str) -> dict[str, Any]:
        """Return the JSON object at ``path``, or an empty object if the server does not have it."""
        try:
            return await self._connection.fetch("GET", path)
        except (Refused, BackendFailed):
            return {}

    async def uses_gpu(self) -> bool:
        """Return True: the protocol does not say, but such servers usually use GPUs."""
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _prepare(self, request: GenerationRequest) -> None:
        """Prepare the engine for a request. The shared protocol needs no preparation."""

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": request.model,
            "messages": chat_messages(request.messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
        }
        if request.seed is not None:
            body["seed"] = request.seed
        return body | self._thinking_off()

    def _thinking_off(self) -> dict[str, Any]:
        """Return the fields that turn thinking off. Plain servers may reject unknown fields."""
        return {}

    async def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        model: str = "",
        seconds: float | None = 30.0,
    ) -> dict[str, Any]:
        """Return a JSON answer, converting HTTP errors to the app's own errors."""
        try:
            return await self._connection.fetch(method, path, body, seconds=seconds)
        except Refused as refusal:
            raise await self._explained(refusal, model) from None

    async def _explained(self, refusal: Refused, model: str) -> BackendError:
        if refusal.status == 404 and model:
            installed = await self.installed()
            if any(each.name == model for each in installed):
                return self._connection.failed(
                    f"does not recognize the request ({refusal.message.rstrip('.')})", "Fix [backend] url."
                )
            return not_found(model, installed)
        if refusal.status in (401, 403):
            return self._connection.failed(
                "rejects the key", "Set [backend] url to the server's address and api_key to its key."
            )
        if refusal.status == 429:
            return QueueFull(f"{self.product} is overloaded.", "Try again in a moment.")
        if refusal.is_busy or (refusal.status == 500 and _AWAY.search(refusal.message)):
            return self._connection.busy(refusal)
        return self._explained_text(refusal.message or f"status {refusal.status}", refusal.details)

    def _explained_text(self, message: str, details: dict[str, Any]) -> BackendError:
        kinds = (details.get("type"), details.get("code"))
        if any(kind in _OVERFLOW_TYPES for kind in kinds) or _OVERFLOW.search(message):
            return too_long(tokens_of(details.get("n_prompt_tokens")), tokens_of(details.get("n_ctx")))
        return self._connection.failed(f"answered with an error: {message.rstrip('.')}")

    def _unsupported(self, action: str) -> NoReturn:
        raise BackendUnsupported(
            f"{self.product} cannot {action}.", "Do this in the server itself, or use another engine."
        )


def chat_messages(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    """Return the messages in the format used by both protocols."""
    return [{"role": message.role, "content": message.content} for message in messages]
