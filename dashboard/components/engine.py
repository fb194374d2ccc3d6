"""The engine and its models: what is loaded, for how long, in how much memory; load and unload."""

from collections.abc import Sequence

from nicegui import ui

from dashboard import formats
from dashboard.components.button import button
from dashboard.components.card import empty
from dashboard.components.clock import Clock
from dashboard.components.memory_bar import colours_of, memory_bar
from dashboard.components.notices import attempt
from dashboard.components.text import box, icon, text
from dashboard.memory import pools
from server.backends.base import LoadedModel
from server.hub import Hub
from server.models.hardware import Machine
from server.snapshot import EngineView, ModelActivity

FOREVER_SECONDS = 10 * 365 * formats.DAY
"""Ollama gives a model that stays for ever an end in three centuries."""


class EngineCard:
    """Changed only where the engine or the memory changed, so that an open list is not closed."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._view: EngineView | None = None
        self._memory_of: tuple[Machine | None, tuple[LoadedModel, ...]] | None = None
        self._doing: tuple[ModelActivity, ...] | None = None
        with box("engine"):
            self._label = text("", "sub", "p")
            self._memory = box("memory")
            self._loaded = box("loaded")
            self._activities = box("activities")
            with box("load") as self._load:
                self._choice = ui.select([], label="Model").props("outlined dense options-dense")
                self._choice.classes("grow")
                button("Load", self._load_chosen, icon="download", label="Load the chosen model into memory")

    def update(self, view: EngineView, activities: Sequence[ModelActivity], machine: Machine | None) -> None:
        """Show the engine as last seen."""
        if (machine, view.loaded) != self._memory_of:
            self._memory_of = (machine, view.loaded)
            self._show_memory(view, machine)
        if tuple(activities) != self._doing:
            self._doing = tuple(activities)
            self._show_activities()
        if view != self._view:
            self._show_models(view)
            self._view = view

    def _show_memory(self, view: EngineView, machine: Machine | None) -> None:
        self._memory.clear()
        if machine is None:
            return
        colours = colours_of(tuple(model.name for model in view.loaded))
        with self._memory:
            for pool in pools(machine, view.loaded):
                memory_bar(pool, colours)

    def _show_models(self, view: EngineView) -> None:
        self._label.set_text(view.label or "No engine was found so far.")
        self._loaded.clear()
        with self._loaded:
            for model in view.loaded:
                self._show_loaded(model, view)
            if not view.loaded and view.label and not view.error:
                what = f" {view.default_model}" if view.default_model else ""
                empty(f"No model is loaded. The next offload loads{what}, which takes a moment.")
        names = [model.name for model in view.installed if model.generates]
        chosen = self._choice.value if self._choice.value in names else view.default_model
        self._choice.set_options(names, value=chosen if chosen in names else next(iter(names), None))
        self._load.set_visibility(view.capabilities.load and bool(names))

    def _show_loaded(self, model: LoadedModel, view: EngineView) -> None:
        with box("model"):
            with box("model-words"):
                text(model.name, "model-name")
                with box("sub", "p"):
                    text(_about(model))
                    self._clock.show(lambda now: _stays(model, now))
            if view.capabilities.unload:
                button(
                    "Unload",
                    lambda: attempt(self._hub.engine.unload(model.name), f"{model.name} was unloaded."),
                    label=f"Unload {model.name}",
                )

    def _show_activities(self) -> None:
        self._activities.clear()
        with self._activities:
            for activity in self._doing or ():
                doing = "Downloading" if activity.phase == "download" else "Loading"
                with box("activity"):
                    icon("downloading", "pulse")
                    with box("grow"):
                        text(f"{doing} {activity.model}", tag="p")
                        text(_progress(activity), "sub num", "p")
                        _meter(activity)

    async def _load_chosen(self) -> None:
        if name := self._choice.value:
            await attempt(self._hub.engine.load(name), f"{name} is loaded.")


def _about(model: LoadedModel) -> str:
    parts = [formats.size(model.size)] if model.size else []
    if model.size and 0 < model.size_vram < model.size:
        parts.append(f"{model.size_vram / model.size:.0%} on GPU")
    if model.num_ctx:
        parts.append(f"context {formats.number(model.num_ctx)}")
    parts.append(formats.count(model.slots, "slot"))
    return " · ".join(parts)


def _stays(model: LoadedModel, now: float) -> str:
    if model.expires_at is None or model.expires_at - now > FOREVER_SECONDS:
        return " · stays loaded"
    return f" · unloads in {formats.countdown(model.expires_at - now)}"


def _progress(activity: ModelActivity) -> str:
    if not activity.total:
        return formats.size(activity.completed) if activity.completed else ""
    share = activity.completed / activity.total
    return f"{formats.size(activity.completed)} of {formats.size(activity.total)}, {share:.0%}"


def _meter(activity: ModelActivity) -> None:
    with box("meter" if activity.total else "meter meter-unknown") as meter:
        meter.props["role"] = "progressbar"
        meter.props["aria-label"] = activity.model
        if activity.total:
            percent = min(100, round(100 * activity.completed / activity.total))
            meter.props.update({"aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100})
            box("meter-fill").style(f"width: {percent}%")
        else:
            box("meter-fill")
