"""The engine: what is loaded, how much memory it takes, how long it stays; load and unload."""

from nicegui import ui

from dashboard.components.basics import button, card
from dashboard.format import size, until
from server.backends.base import LoadedModel
from server.hub import Hub
from server.snapshot import ModelActivity, Snapshot


class EnginePanel:
    """Shows the engine of each snapshot. Rows are built anew only when models come or go."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._shown: object = None
        self._expiries: list[tuple[ui.label, LoadedModel]] = []
        with card("Engine"):
            self._label = ui.label().classes("ts-quiet")
            self._error = ui.label().classes("ts-error").props("role=alert")
            self._body = ui.element("div").classes("ts-stack")

    def show(self, snapshot: Snapshot) -> None:
        """Bring the panel to this snapshot."""
        engine = snapshot.engine
        self._label.set_text(engine.label or "Looking for an engine …")
        self._error.set_text(engine.error)
        self._error.set_visibility(bool(engine.error))
        shape = (engine.loaded, engine.installed, engine.capabilities, snapshot.activities)
        if shape != self._shown:
            self._shown = shape
            self._rebuild(snapshot)
        for label, model in self._expiries:
            label.set_text(until(model.expires_at, snapshot.taken_at))

    def _rebuild(self, snapshot: Snapshot) -> None:
        self._body.clear()
        self._expiries = []
        engine = snapshot.engine
        with self._body:
            for model in engine.loaded:
                self._loaded(model, can_unload=engine.capabilities.unload)
            for activity in snapshot.activities:
                _activity(activity)
            names = {model.name for model in engine.loaded}
            others = [model for model in engine.installed if model.name not in names]
            if not engine.loaded and not snapshot.activities and not engine.error:
                ui.label(_hint(bool(others))).classes("ts-empty")
            if others and engine.capabilities.load:
                self._loadable([model.name for model in others])

    def _loaded(self, model: LoadedModel, *, can_unload: bool) -> None:
        with ui.element("div").classes("ts-model"):
            with ui.element("div").classes("ts-row"):
                ui.label(model.name).classes("ts-strong")
                self._expiries.append((ui.label().classes("ts-quiet ts-num"), model))
                if can_unload:
                    button("Unload", lambda: self._hub.engine.unload(model.name))
            _memory_bar(model)

    def _loadable(self, names: list[str]) -> None:
        with ui.element("details").classes("ts-details"):
            with ui.element("summary"):
                ui.label(f"{len(names)} more installed")
            for name in names:
                with ui.element("div").classes("ts-row"):
                    ui.label(name)
                    load = button("Load", lambda name=name: self._hub.engine.load(name))  # type: ignore[misc]
                    load.props(f'aria-label="Load {name}"')


def _memory_bar(model: LoadedModel) -> None:
    """Draw the model's memory, the part on GPUs and the part in RAM."""
    spilled = model.size - model.size_vram
    parts = []
    if model.size_vram:
        parts.append(f"{size(model.size_vram)} on the GPU")
    if spilled > 0:
        parts.append(f"{size(spilled)} in RAM")
    if model.num_ctx:
        parts.append(f"context {model.num_ctx:,}")
    if model.slots > 1:
        parts.append(f"{model.slots} slots")
    if model.size:
        with ui.element("div").classes("ts-bar").props("aria-hidden=true"):
            for share, kind in ((model.size_vram / model.size, "vram"), (spilled / model.size, "ram")):
                if share > 0:
                    ui.element("span").classes(f"ts-{kind}").style(f"width:{share:.1%}")
    ui.label(" · ".join(parts) or "The engine does not tell its size.").classes("ts-quiet ts-num")


def _activity(activity: ModelActivity) -> None:
    doing = {"download": "Downloading", "load": "Loading"}.get(activity.phase, activity.phase.capitalize())
    with ui.element("div").classes("ts-model"):
        with ui.element("div").classes("ts-row"):
            ui.label(f"{doing} {activity.model} …").classes("ts-strong")
            if activity.total:
                ui.label(f"{size(activity.completed)} of {size(activity.total)}").classes("ts-quiet ts-num")
        if activity.total:
            with ui.element("div").classes("ts-bar").props("aria-hidden=true"):
                ui.element("span").classes("ts-vram").style(
                    f"width:{min(1, activity.completed / activity.total):.1%}"
                )


def _hint(has_models: bool) -> str:
    if has_models:
        return "No model is loaded. The first task loads one; or load one now."
    return "No model is installed yet. The first task fetches one."
