"""Ollama via its native protocol, which can load, unload, list and pull models and set their context.

Recorded exchanges with version 0.33 (``tests/data/ollama``) show that a prompt that does not fit is silently
truncated unless ``truncate`` is false, that changing ``num_ctx`` reloads the model, that errors are
``{"error": "…"}``, even on a line in a stream with status 200, and that durations are in nanoseconds.
"""

import os
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from server.backends.address import OLLAMA_PORT, engine_url, place_of
from server.backends.base import (
    Capabilities,
    GenerationItem,
    GenerationRequest,
    InstalledModel,
    LoadedModel,
    Message,
    ModelFile,
    ReportPull,
)
from server.backends.connection import ANSWER_SECONDS, EngineConnection, Refused
from server.backends.generation_limits import PromptCounts
from server.backends.model_names import not_found
from server.backends.ollama.chat_stream import ChatReader
from server.backends.ollama.errors import pull_error, refusal_error
from server.backends.ollama.pull import PullReader, registry_name, require_space
from server.backends.openai.backend import chat_messages
from server.backends.wire import (
    MOST_LOADED,
    Garbled,
    StreamError,
    count_of,
    label_of,
    models_of,
    object_of,
    tokens_of,
)
from server.common.errors import (
    BackendFailed,
    BackendUnsupported,
    TokenSaverError,
)
from server.config.settings import Settings

CHECK_SECONDS = 10.0
"""Timeout for checking whether Ollama answers (seconds). A busy machine needs a few seconds, but a longer
timeout would delay the search for other engines if the server at Ollama's address hangs.
"""
PULL_TRIES = 3
"""Number of attempts at a download whose stream ends early. Ollama resumes each layer."""

_CLOUD = re.compile(r"[:-]cloud$", re.IGNORECASE)
_FAR_FUTURE = 2200
"""First year in which ``expires_at`` means forever. For ``keep_alive: -1``, Ollama adds 292 years."""


class OllamaBackend:
    """The Ollama server at ``url``.

    Args:
        url: its address (``address.ollama_url`` reads ``OLLAMA_HOST``).
        settings: timeouts, keep-alive, and whether other machines are allowed.

    Raises:
        SettingsError: the address is invalid, or on another machine without permission.
    """

    kind = "ollama"
    capabilities = Capabilities(
        load=True,
        unload=True,
        list_loaded=True,
        pull=True,
        keep_alive=True,
        set_num_ctx=True,
        delete=True,
        reports_vram=True,
    )

    def __init__(self, url: str, settings: Settings, api_key: str = "") -> None:
        self.url = engine_url(url, default_port=OLLAMA_PORT)
        self.label = f"Ollama at {place_of(self.url)}"
        self._settings = settings.backend
        self._counts = PromptCounts()
        self._metadata: dict[str, dict[str, Any]] = {}
        self._sizes: dict[str, int] = {}
        self._connection = EngineConnection(
            self.url,
            settings.backend,
            product="Ollama",
            start_hint="Start Ollama (`ollama serve`, or its app), or set [backend] url to its address.",
            api_key=api_key,
        )

    async def check(self) -> None:
        """Check that Ollama answers, and store its version in ``label``."""
        answer = await self._ask("GET", "/api/version", seconds=CHECK_SECONDS)
        version = label_of(answer.get("version"))
        if not version:
            raise self._connection.failed(
                "answers, but is not Ollama", "Set [backend] url to Ollama's address."
            )
        self.label = f"Ollama {version[:40]} at {place_of(self.url)}"

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Return the models on this machine's disk. Models that Ollama runs in its cloud are omitted unless
        ``allow_remote`` is set, because using them would send the user's code off the machine.
        """
        answer = await self._ask("GET", "/api/tags")
        found = tuple(
            _installed(entry)
            for entry in models_of(answer.get("models"))
            if label_of(entry.get("name")) and (self._settings.allow_remote or not _is_remote(entry))
        )
        self._sizes = {each.name: each.size for each in found}
        return found

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the models in memory."""
        answer = await self._ask("GET", "/api/ps")
        return tuple(
            LoadedModel(
                name=name,
                size=count_of(entry.get("size")),
                size_vram=count_of(entry.get("size_vram")),
                num_ctx=tokens_of(entry.get("context_length")),
                slots=_slots(),
                expires_at=_instant(label_of(entry.get("expires_at"))),
            )
            for entry in models_of(answer.get("models"))[:MOST_LOADED]
            if (name := label_of(entry.get("name")))
        )

    async def context_length(self, model: str) -> int:
        """Return the longest context the model was trained for, in tokens; 0 if unknown."""
        info = await self._model_info(model)
        architecture = label_of(info.get("general.architecture"))
        return tokens_of(info.get(f"{architecture}.context_length"))

    async def model_file(self, model: str) -> ModelFile:
        """Return the data needed to calculate a model's memory use (see ``ReportsModelFile``). The KV type
        is ``OLLAMA_KV_CACHE_TYPE`` in this process's environment.
        """
        info = await self._model_info(model)
        if model not in self._sizes:
            await self.installed()
        return ModelFile(info, self._sizes.get(model, 0), os.environ.get("OLLAMA_KV_CACHE_TYPE", "") or "f16")

    async def slots(self, model: str) -> int:  # noqa: ARG002  # equal for all models
        """Return ``OLLAMA_NUM_PARALLEL`` from this process's environment, or Ollama's default of 1."""
        return _slots()

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:
        """Load the model with a context of ``num_ctx`` tokens and return once it is ready."""
        body = self._chat_body(model, (), keep_alive) | {"stream": False, "options": {"num_ctx": num_ctx}}
        await self._ask("POST", "/api/chat", body, model=model, seconds=None)

    async def unload(self, model: str) -> None:
        """Free the model's memory."""
        body: dict[str, Any] = {"model": model, "messages": [], "keep_alive": 0, "stream": False}
        await self._ask("POST", "/api/chat", body, model=model)

    async def delete(self, model: str) -> None:
        """See ``DeletesModels``."""
        try:
            await self._connection.send("DELETE", "/api/delete", {"model": model})
        except Refused as refusal:
            raise await self._explained(refusal, model) from None

    async def pull(self, model: str, report: ReportPull) -> None:
        """Download the model. If the stream ends early, retry the request; Ollama resumes the download."""
        model = registry_name(model)
        self._require_local(model)
        for tries_left in reversed(range(PULL_TRIES)):
            try:
                await self._pull_once(model, report)
            except BackendFailed:
                if not tries_left:
                    raise
            else:
                break
        self._metadata.pop(model, None)
        self._sizes.clear()

    async def count_tokens(
        self,
        model: str,  # noqa: ARG002
        messages: tuple[Message, ...],  # noqa: ARG002
        num_ctx: int,  # noqa: ARG002
    ) -> int | None:
        """Return None: Ollama has no route for counting tokens."""
        return None

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        """See ``Backend``."""
        self._require_local(request.model)
        body = self._chat_body(request.model, request.messages, request.keep_alive)
        body |= {"stream": True, "truncate": False, "think": False, "options": _options(request)}
        reader, stall = ChatReader(request), self._connection.stall_guard()
        try:
            async with aclosing(self._connection.stream("/api/chat", body, stall)) as lines:
                async for line in lines:
                    for delta in reader.read(line):
                        yield delta
                    stall.note(reader.progress)
                    if reader.completed:
                        break
            completed = reader.end()
        except Refused as refusal:
            raise await self._explained(refusal, request.model) from None
        except StreamError as error:
            raise self._connection.failed(
                f"broke off with an error: {str(error)[:300].rstrip('.')}"
            ) from None
        except Garbled as error:
            raise self._connection.failed(f"sent {error}") from None
        tokens = self._counts.whole(request, completed.prompt_tokens, completed.cached_tokens)
        yield replace(completed, prompt_tokens=tokens)

    async def uses_gpu(self) -> bool:
        """Return True: Ollama uses every GPU it supports."""
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    def _chat_body(self, model: str, messages: tuple[Message, ...], keep_alive: str | None) -> dict[str, Any]:
        self._require_local(model)
        return {
            "model": model,
            "messages": chat_messages(messages),
            "keep_alive": keep_alive_value(keep_alive or self._settings.keep_alive),
        }

    async def _model_info(self, model: str) -> dict[str, Any]:
        """Return the GGUF header from ``/api/show``, without the tokenizer."""
        if model not in self._metadata:
            body: dict[str, Any] = {"model": model}
            info = object_of((await self._ask("POST", "/api/show", body, model=model)).get("model_info"))
            if any(value is None or value == [] for value in _of_tensors(info).values()):
                # Arrays, such as the heads of each layer, are only in the verbose answer.
                answer = await self._ask("POST", "/api/show", body | {"verbose": True}, model=model)
                info = object_of(answer.get("model_info"))
            self._metadata[model] = _of_tensors(info)
        return self._metadata[model]

    async def _pull_once(self, model: str, report: ReportPull) -> None:
        reader = PullReader(model)
        try:
            async with aclosing(self._connection.stream("/api/pull", {"model": model})) as lines:
                async for line in lines:
                    progress = reader.read(line)
                    require_space(model, progress, self.url)
                    await report(progress)
        except Refused as refusal:
            raise pull_error(model, refusal.message) from None
        except Garbled as error:
            raise self._connection.failed(f"sent {error}") from None
        if not reader.done:
            raise self._connection.failed(
                "stopped the download", "Pull the model again; the download continues where it stopped."
            )

    async def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        model: str = "",
        seconds: float | None = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """Return a JSON answer, converting HTTP errors to the app's own errors."""
        try:
            return await self._connection.fetch(method, path, body, seconds=seconds)
        except Refused as refusal:
            raise await self._explained(refusal, model) from None

    async def _explained(self, refusal: Refused, model: str) -> TokenSaverError:
        if refusal.status != 404:
            return refusal_error(refusal, model, self._connection)
        if model and "model" in refusal.message:
            return not_found(model, await self.installed())
        return self._connection.failed(
            f"does not recognize the request ({refusal.message})", "Update Ollama, or fix [backend] url."
        )

    def _require_local(self, model: str) -> None:
        """Refuse a model that Ollama would run on remote servers."""
        if _CLOUD.search(model) and not self._settings.allow_remote:
            raise BackendUnsupported(
                f"{model} runs in Ollama's cloud, and your code would be sent there.",
                "Name a model on this machine, or set allow_remote = true in [backend].",
            )


def keep_alive_value(text: str) -> int | str:
    """Return ``text`` in Ollama's format. A bare number is in seconds (``-1``: forever, ``0``: unload)."""
    try:
        return int(text)
    except ValueError:
        return text


def _options(request: GenerationRequest) -> dict[str, Any]:
    options: dict[str, Any] = {
        "num_ctx": request.num_ctx,
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
    }
    return options if request.seed is None else options | {"seed": request.seed}


def _installed(entry: dict[str, Any]) -> InstalledModel:
    details = object_of(entry.get("details"))
    capabilities = entry.get("capabilities")
    return InstalledModel(
        name=label_of(entry.get("name")),
        size=count_of(entry.get("size")),
        parameters=label_of(details.get("parameter_size")),
        quantization=label_of(details.get("quantization_level")),
        family=label_of(details.get("family")),
        context_length=tokens_of(details.get("context_length")),
        generates=not isinstance(capabilities, list) or "completion" in capabilities,
    )


def _of_tensors(info: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if not key.startswith("tokenizer.")}


def _is_remote(entry: dict[str, Any]) -> bool:
    return bool(
        entry.get("remote_host") or entry.get("remote_model") or _CLOUD.search(label_of(entry.get("name")))
    )


def _slots() -> int:
    text = os.environ.get("OLLAMA_NUM_PARALLEL", "")
    return max(1, int(text)) if text.isdecimal() else 1


def _instant(text: str) -> float | None:
    """Return the time in seconds since the epoch; None if it is forever or invalid."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    if instant.year >= _FAR_FUTURE:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
