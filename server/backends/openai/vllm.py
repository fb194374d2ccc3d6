"""vLLM's server: one model, many requests at once."""

from typing import Any

from server.backends.openai.backend import OpenAICompatible

_SLOTS = 8
"""vLLM batches whatever arrives and does not tell how many; where to begin finding out."""


class VLLM(OpenAICompatible):
    """A ``vllm serve`` at ``url``. Its context length is fixed and told (``max_model_len``)."""

    product = "vLLM"
    start_hint = "Start it (`vllm serve MODEL`), or set [backend] url."

    async def slots(self, model: str) -> int:  # noqa: ARG002  # the protocol's signature
        """Return a number that its continuous batching serves well, to begin with."""
        return _SLOTS

    def _thinking_off(self) -> dict[str, Any]:
        return {"chat_template_kwargs": {"enable_thinking": False}}
