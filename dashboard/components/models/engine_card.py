"""The engine and its loaded models: memory, time until unloading, buttons to load and unload."""

import time
from collections.abc import Sequence

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import run_action
from dashboard.components.live.clock import Clock
from dashboard.components.models.idle_gpu_hint import IdleGpuHint
from dashboard.components.models.memory_bars import MemoryBars
from dashboard.components.models.model_activities import ModelActivities
from dashboard.components.models.model_choice import ModelChoice
from server.backends.base import LoadedModel
from server.engine.view import EngineView
from server.gpu.engine_devices import with_engine_devices
from server.gpu.hardware import Machine
from server.hub import Hub
from server.state.snapshot import ModelActivity

FOREVER_SECONDS = 10 * 365 * formats.DAY
"""For models that are never unloaded, Ollama reports an expiry three centuries away."""


class EngineCard:
    """Updated only when the engine's state changes, so that an open list stays open."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._shown: tuple[EngineView, bool] | None = None
        with box("ts-engine"):
            self._label = text("", "ts-sub", "p")
            self._memory = MemoryBars()
            self._idle_gpu = IdleGpuHint()
            self._loaded = KeyedList[LoadedModel](
                box("ts-loaded"), lambda model: model.name, lambda model: _Loaded(hub, clock, model)
            )
            with box("ts-empty") as self._empty:
                self._next = text("", tag="p")
            self._activities = ModelActivities(hub)
            with box("ts-load") as self._load:
                self._choice = ModelChoice(self._allow_load)
                self._button = button(
                    "Load", self._load_chosen, icon="download", label="Load the chosen model into memory"
                )

    def update(self, view: EngineView, activities: Sequence[ModelActivity], machine: Machine | None) -> None:
        """Show the engine's latest state."""
        self._memory.update(machine and with_engine_devices(machine, view.devices), view.loaded)
        self._idle_gpu.update(machine, view.devices)
        self._activities.update(activities)
        loads = any(each.phase == "load" for each in activities)
        if (view, loads) != self._shown:
            self._shown = view, loads
            self._show_models(view, loads=loads)

    def _show_models(self, view: EngineView, *, loads: bool) -> None:
        self._label.set_text(view.label or "No engine found yet.")
        self._loaded.update(view.loaded)
        self._empty.set_visibility(not view.loaded and bool(view.label) and not view.error and not loads)
        what = view.default_model or "a model"
        self._next.set_text(f"No model is loaded. The next offload loads {what}, which takes a moment.")
        names = [model.name for model in view.installed if model.generates]
        self._choice.offer(names, view.default_model)
        self._load.set_visibility(view.capabilities.load and bool(names))
        self._allow_load()

    def _allow_load(self) -> None:
        """Allow loading unless the chosen model is loaded already."""
        loaded = self._shown[0].loaded if self._shown else ()
        self._button.set_enabled(all(each.name != self._choice.value for each in loaded))

    async def _load_chosen(self) -> None:
        if name := self._choice.value:
            await run_action(self._hub.engine.load(name), f"{name} is loaded.")


class _Loaded:
    """A model in memory."""

    def __init__(self, hub: Hub, clock: Clock, model: LoadedModel) -> None:
        self._model = model
        with box("ts-model") as self.element:
            with box("ts-model-words"):
                text(model.name, "ts-model-name")
                with box("ts-sub", "p"):
                    self._about = text("")
                    self._stays = clock.show(lambda now: stays(self._model, now))
            button(
                "Unload",
                lambda: run_action(hub.engine.unload(model.name), f"{model.name} was unloaded."),
                label=f"Unload {model.name}",
            ).set_visibility(hub.snapshot().engine.capabilities.unload)

    def update(self, model: LoadedModel) -> None:
        self._model = model
        self._about.set_text(about(model))
        self._stays.refresh(time.time())


def about(model: LoadedModel) -> str:
    """Describe a loaded model: size, share on the GPU, context, slots."""
    parts = [formats.size(model.size)] if model.size else []
    if model.size and 0 < model.size_vram < model.size:
        parts.append(f"{model.size_vram / model.size:.0%} on the GPU")
    if model.num_ctx:
        parts.append(f"context {formats.number(model.num_ctx)}")
    parts.append(formats.count(model.slots, "slot"))
    return " · ".join(parts)


def stays(model: LoadedModel, now: float) -> str:
    """Return how long a loaded model will stay, as a suffix for ``about``."""
    if model.expires_at is None or model.expires_at - now > FOREVER_SECONDS:
        return " · stays loaded"
    return f" · unloads in {formats.countdown(model.expires_at - now)}"
