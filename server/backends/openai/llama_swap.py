"""llama-swap: a proxy that starts the right server for the model named in a request."""

from typing import Any
from urllib.parse import quote

from server.backends.base import Capabilities, LoadedModel
from server.backends.connection import Refused
from server.backends.openai.backend import OpenAICompatible
from server.backends.wire import MOST_LOADED, label_of, models_of


class LlamaSwap(OpenAICompatible):
    """A llama-swap at ``url``. It has no route for loading, so models are loaded by requesting one token."""

    product = "llama-swap"
    start_hint = "Start it (`llama-swap --config config.yaml`), or set [backend] url."
    capabilities = Capabilities(load=True, unload=True, list_loaded=True, tells_slots=False)

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the models whose servers are ready. llama-swap does not report sizes or contexts."""
        running = models_of((await self._ask("GET", "/running")).get("running"))
        return tuple(
            LoadedModel(name=name)
            for each in running[:MOST_LOADED]
            if each.get("state") == "ready" and (name := label_of(each.get("model")))
        )

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:  # noqa: ARG002
        """Start the model's server and return once it has answered."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
        await self._ask("POST", "/v1/chat/completions", body, model=model, seconds=None)

    async def unload(self, model: str) -> None:
        """Stop the model's server."""
        try:
            await self._connection.send("POST", f"/api/models/unload/{quote(model, safe='')}")
        except Refused as refusal:
            raise await self._explained(refusal, model) from None

    def _thinking_off(self) -> dict[str, Any]:
        return {"chat_template_kwargs": {"enable_thinking": False}}
