"""llama.cpp's ``llama-server``: a single model that stays loaded while the server runs.

The embedded engine is a server of this kind in a child process.
"""

from typing import Any

from server.backends.base import Capabilities, GenerationRequest, InstalledModel, LoadedModel, Message
from server.backends.connection import Refused
from server.backends.openai.backend import OpenAICompatible, chat_messages
from server.backends.wire import count_of, label_of, object_of, slots_of, text_of, tokens_of


class LlamaServer(OpenAICompatible):
    """A ``llama-server`` at ``url``. It never truncates; it rejects prompts that exceed its context."""

    kind = "llama-server"
    product = "llama-server"
    start_hint = "Start it (`llama-server -m model.gguf --port 8080`), or set [backend] url."
    capabilities = Capabilities(list_loaded=True, count_tokens=True)

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Return the model the server was started with."""
        return tuple(entry_model(entry) for entry in await self.entries() if label_of(entry.get("id")))

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the same model. ``size`` covers only its weights, because the server does not report GPU
        memory.
        """
        properties = await self._properties()
        return tuple(
            LoadedModel(
                name=model.name,
                size=model.size,
                num_ctx=context_of(properties) or model.context_length,
                slots=slots_in(properties),
            )
            for model in await self.installed()
        )

    async def context_length(self, model: str) -> int:  # noqa: ARG002  # it has one model
        """Return the context per slot, in tokens: ``n_ctx`` is divided among the slots."""
        return context_of(await self._properties())

    async def slots(self, model: str) -> int:  # noqa: ARG002  # it has one model
        """Return how many requests the server processes in parallel."""
        return slots_in(await self._properties())

    async def count_tokens(
        self,
        model: str,
        messages: tuple[Message, ...],
        num_ctx: int,  # noqa: ARG002 - the model is loaded already
    ) -> int | None:
        """Return the prompt's length using the model's template and tokenizer."""
        chat = {"model": model, "messages": chat_messages(messages)} | _NO_THINKING
        try:
            return await self._count(chat) or None
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise await self._explained(refusal, model) from None

    async def _count(self, chat: dict[str, Any]) -> int:
        try:
            counted = await self._connection.fetch("POST", "/v1/chat/completions/input_tokens", chat)
            return tokens_of(counted.get("input_tokens"))
        except Refused as refusal:
            if refusal.status != 404:
                raise
        # Servers from before 2026 lack this route and need two requests.
        prompt = (await self._connection.fetch("POST", "/apply-template", chat)).get("prompt")
        text = {"content": text_of(prompt), "add_special": True, "parse_special": True}
        tokens = (await self._connection.fetch("POST", "/tokenize", text)).get("tokens")
        return len(tokens) if isinstance(tokens, list) else 0

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        return super()._body(request) | {"cache_prompt": True, "return_progress": True}

    def _thinking_off(self) -> dict[str, Any]:
        return _NO_THINKING

    async def _properties(self) -> dict[str, Any]:
        return await self._ask("GET", "/props")


# Templates with this switch (Qwen3, Granite, GLM, …) turn thinking off. Other templates ignore it.
_NO_THINKING: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}


def entry_model(entry: dict[str, Any]) -> InstalledModel:
    """Return the model for a ``/v1/models`` entry, which has ``meta`` only while the model is loaded."""
    meta = object_of(entry.get("meta"))
    return InstalledModel(
        name=label_of(entry.get("id")),
        size=count_of(meta.get("size")),
        parameters=_parameters(count_of(meta.get("n_params"))),
        quantization=label_of(meta.get("ftype")),
        context_length=tokens_of(meta.get("n_ctx")) or tokens_of(meta.get("n_ctx_train")),
    )


def context_of(properties: dict[str, Any]) -> int:
    """Return the context per slot, in tokens, from ``/props``."""
    return tokens_of(object_of(properties.get("default_generation_settings")).get("n_ctx"))


def slots_in(properties: dict[str, Any]) -> int:
    """Return the number of slots from ``/props``."""
    return slots_of(properties.get("total_slots"))


def _parameters(count: int) -> str:
    if not count:
        return ""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.0f}M"
