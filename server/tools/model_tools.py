"""``list_loaded_models``, ``preload_model`` and ``pull_model``: models in memory and on disk."""

import time
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field

from server.backends.base import LoadedModel, PullProgress
from server.backends.model_names import nearest
from server.calls.progress import progress_to
from server.common.errors import BadArguments, ModelNotFound
from server.common.sizes import gigabytes
from server.hub import Hub
from server.models.catalogue import load_catalogue
from server.tools.make_tool import make_tool

GIB = 1024**3
MOST_SHOWN = 20
"""Maximum number of loaded models in one answer."""

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
CHANGES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)


def model_tools(hub: Hub) -> list[Tool]:
    """Return the tools that manage models."""
    return [_list_loaded_models(hub), _preload_model(hub), _pull_model(hub)]


def _list_loaded_models(hub: Hub) -> Tool:
    async def list_loaded_models() -> str:
        await hub.engine.refresh(devices=True)
        view = hub.engine.view()
        if view.error:
            return view.error
        if not view.capabilities.list_loaded:
            return f"{view.label} does not report its loaded models; it loads models on demand."
        if not view.loaded:
            return f"No model is loaded. {view.label}: {len(view.installed)} installed."
        more = len(view.loaded) - MOST_SHOWN
        rest = [f"and {more} more"] if more > 0 else []
        return "\n".join([view.label, *(_line(model) for model in view.loaded[:MOST_SHOWN]), *rest])

    return make_tool(list_loaded_models, "The local models in memory, their size and expiry.", READS)


def _preload_model(hub: Hub) -> Tool:
    async def preload_model(
        ctx: Context,
        model: str,
        keep_alive: Annotated[str, Field(description='"10m", "-1" stays, "0" unloads')] = "",
    ) -> str:
        name = await hub.engine.choose_model(_named(model))
        if keep_alive.strip() in ("0", "0s", "0m", "0h"):
            await hub.engine.unload(name)
            return f"{name} is unloaded."
        started = time.monotonic()
        async with progress_to(ctx) as report:
            await report(0, None, f"loading {name}")
            await hub.engine.load(name, keep_alive.strip() or None)
        took = f"{name} is loaded ({time.monotonic() - started:.1f} s)"
        loaded = next((each for each in hub.engine.view().loaded if each.name == name), None)
        return f"{took}: {_memory(loaded)}." if loaded and loaded.size else f"{took}."

    return make_tool(preload_model, "Load a local model now, or unload it.", CHANGES)


def _pull_model(hub: Hub) -> Tool:
    async def pull_model(ctx: Context, model: str) -> str:
        name = _named(model)
        async with progress_to(ctx) as report:

            async def relay(progress: PullProgress) -> None:
                await report(progress.completed, progress.total or None, pulled(progress))

            try:
                await hub.engine.pull(name, relay)
            except ModelNotFound as error:
                raise ModelNotFound(error.cause, _nearest(hub, name) or error.next_step) from None
        return f"{name} is installed."

    return make_tool(pull_model, "Download a model to the local engine.", CHANGES)


def _named(model: str) -> str:
    if not model.strip():
        raise BadArguments("`model` is empty.", "Name a model; list_loaded_models shows some.")
    return model.strip()


def pulled(progress: PullProgress) -> str:
    """Return a download's progress as text: bytes, speed and time left, as far as known."""
    if not progress.total:
        return f"{progress.model}: {progress.status}"
    share = progress.completed / progress.total
    text = f"{progress.model}: {progress.status} {share:.0%} of {gigabytes(progress.total)}"
    if progress.seconds_left is None:
        return text
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    left = f"{minutes} min" if minutes else f"{seconds} s"
    return f"{text}, {progress.rate / 1e6:.1f} MB/s, {left} left"


def _memory(model: LoadedModel) -> str:
    text = f"{gigabytes(model.size)}"
    if model.num_ctx:
        text += f" with a context of {model.num_ctx:,}"
    return f"{text} ({gigabytes(model.estimated)} was expected)" if model.estimated else text


def _nearest(hub: Hub, name: str) -> str:
    """Return a next step that names similar models in the catalogue; empty if the active engine has none."""
    kind = hub.engine.view().kind
    near = nearest(name, [each.name for each in load_catalogue(hub.folders) if each.engine == kind])
    return f"Similar known models: {', '.join(near)}." if near else ""


def _line(model: LoadedModel) -> str:
    parts = [_memory(model)] if model.size else []
    if spilled := model.size - model.size_vram if model.size_vram else 0:
        parts.append(f"{gigabytes(spilled)} of it on the CPU")
    if model.num_ctx and not model.size:
        parts.append(f"context {model.num_ctx:,}")
    if model.expires_at is not None:
        parts.append(f"expires in {max(0, model.expires_at - time.time()) / 60:.0f} min")
    return f"- {model.name}: {', '.join(parts) or 'size unknown'}"
