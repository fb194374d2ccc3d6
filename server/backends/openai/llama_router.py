"""``llama-server`` in router mode: it starts without a model and runs one process per model."""

import asyncio
import time
from typing import Any
from urllib.parse import quote

from server.backends.base import Capabilities, InstalledModel, LoadedModel
from server.backends.model_names import not_found
from server.backends.openai.llama_server import LlamaServer, context_of, entry_model, slots_in
from server.backends.wire import MOST_LOADED, label_of, object_of

_POLL_SECONDS = 0.5


class LlamaRouter(LlamaServer):
    """A router at ``url``. Contexts are set by its own options, not by requests."""

    product = "llama-server (router)"
    start_hint = "Start it (`llama-server --models-dir DIR`), or set [backend] url."
    capabilities = Capabilities(load=True, unload=True, list_loaded=True, count_tokens=True)

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Return the models the router can start."""
        return tuple(entry_model(entry) for entry in await self.entries() if label_of(entry.get("id")))

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the running models, excluding sleeping ones."""
        entries = [entry for entry in await self.entries() if _status(entry) == "loaded"]
        return tuple([await self._loaded_model(entry_model(entry)) for entry in entries[:MOST_LOADED]])

    async def context_length(self, model: str) -> int:
        """Return the context per slot if the model is running, otherwise 0, because the context is only set
        when the model starts.
        """
        return context_of(await self._properties_of(model)) if await self._runs(model) else 0

    async def slots(self, model: str) -> int:
        """Return how many requests the model's process handles in parallel; 1 while it is not running."""
        return slots_in(await self._properties_of(model)) if await self._runs(model) else 1

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:  # noqa: ARG002
        """Start the model's process and return once it is ready."""
        if await self._runs(model):
            return
        await self._ask("POST", "/models/load", {"model": model}, model=model)
        asked_at = time.monotonic()
        while (status := _status(entry := await self._entry(model))) != "loaded":
            starting = status == "unloaded" and time.monotonic() - asked_at < self._settings.silence_timeout
            if object_of(entry.get("status")).get("failed") or not (status == "loading" or starting):
                raise self._connection.failed(f"could not load {model}")
            await asyncio.sleep(_POLL_SECONDS)

    async def unload(self, model: str) -> None:
        """Stop the model's process."""
        if _status(await self._entry(model)) not in ("unloaded", "downloading"):
            await self._ask("POST", "/models/unload", {"model": model}, model=model)

    async def _loaded_model(self, model: InstalledModel) -> LoadedModel:
        properties = await self._properties_of(model.name)
        return LoadedModel(
            model.name, size=model.size, num_ctx=context_of(properties), slots=slots_in(properties)
        )

    async def _runs(self, model: str) -> bool:
        return _status(await self._entry(model)) == "loaded"

    async def _entry(self, model: str) -> dict[str, Any]:
        entries = await self.entries()
        for entry in entries:
            if entry.get("id") == model:
                return entry
        raise not_found(model, [entry_model(entry) for entry in entries])

    async def _properties_of(self, model: str) -> dict[str, Any]:
        return await self.probe(f"/props?model={quote(model, safe='')}&autoload=false")


def _status(entry: dict[str, Any]) -> str:
    return label_of(object_of(entry.get("status")).get("value"))
