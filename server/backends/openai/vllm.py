"""vLLM's server: a single model with many parallel requests."""

from typing import Any

from server.backends.base import Capabilities, LoadedModel
from server.backends.openai.backend import OpenAICompatible

_SLOTS = 8
"""Starting point for measurement, because vLLM batches all requests and does not report a number."""


class VLLM(OpenAICompatible):
    """A ``vllm serve`` at ``url``. Its context length is fixed and reported (``max_model_len``)."""

    product = "vLLM"
    start_hint = "Start it (`vllm serve MODEL`), or set [backend] url."

    capabilities = Capabilities(list_loaded=True, tells_slots=False)

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the models being served. Each stays in memory while the server runs."""
        return tuple(LoadedModel(each.name, num_ctx=each.context_length) for each in await self.installed())

    async def slots(self, model: str) -> int:  # noqa: ARG002  # the protocol's signature
        """Return a starting point that vLLM's continuous batching handles well."""
        return _SLOTS

    def _thinking_off(self) -> dict[str, Any]:
        return {"chat_template_kwargs": {"enable_thinking": False}}
