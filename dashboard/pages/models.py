"""*Models*: what is installed, what it needs, what is loaded; fetch, load, unload."""

from collections.abc import Sequence

from nicegui import ui

from dashboard import formats
from dashboard.components.activities import Activities
from dashboard.components.button import button
from dashboard.components.card import card, empty
from dashboard.components.engine import about, stays
from dashboard.components.memory_bar import Memory
from dashboard.components.notices import attempt
from dashboard.components.shell import Page, shell
from dashboard.components.text import box, text
from dashboard.feed import Feed
from server.backends.base import InstalledModel, LoadedModel, PullProgress
from server.hub import Hub
from server.snapshot import EngineView, Snapshot


async def show(hub: Hub, feed: Feed) -> None:
    """Fill the page."""
    if feed.machine is None:
        await feed.look_at_machine()
    with shell(hub, feed, "Models", "/models") as page, box("two-columns"):
        with box("stack"), card("Installed"):
            listing = Listing(page)
        with box("stack"):
            with card("Memory"):
                memory = Memory()
            with card("Fetch a model"):
                fetch = Fetch(hub)

        def update(snapshot: Snapshot) -> None:
            listing.update(snapshot.engine)
            memory.update(feed.machine, snapshot.engine.loaded)
            fetch.update(snapshot)

        update(hub.snapshot())
        feed.changed.subscribe(update)


class Listing:
    """The installed models, the loaded ones first."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._view: EngineView | None = None
        self._body = box("models")

    def update(self, view: EngineView) -> None:
        """Show what the engine has."""
        if view == self._view:
            return
        self._view = view
        loaded = {model.name: model for model in view.loaded}
        self._body.clear()
        with self._body:
            if not view.installed:
                empty(_nothing(view))
            for model in sorted(view.installed, key=lambda each: (each.name not in loaded, each.name)):
                self._show(model, loaded.get(model.name), view)

    def _show(self, model: InstalledModel, loaded: LoadedModel | None, view: EngineView) -> None:
        with box("model"):
            with box("model-words"):
                with box("model-title"):
                    text(model.name, "model-name")
                    if model.name == view.default_model:
                        text("default", "tag", title="Used unless a call names another")
                    if loaded:
                        text("loaded", "tag tag-on")
                with box("sub", "p"):
                    text(_about(model) if loaded is None else about(loaded))
                    if loaded is not None:
                        self._page.clock.show(lambda now: stays(loaded, now))
                text(self._fit(model) if loaded is None else "", "sub", "p")
            self._buttons(model, loaded, view)

    def _buttons(self, model: InstalledModel, loaded: LoadedModel | None, view: EngineView) -> None:
        engine, name = self._page.hub.engine, model.name
        if loaded is not None and view.capabilities.unload:
            button(
                "Unload",
                lambda: attempt(engine.unload(name), f"{name} was unloaded."),
                label=f"Unload {name}",
            )
        elif loaded is None and view.capabilities.load and model.generates:
            button("Load", lambda: attempt(engine.load(name), f"{name} is loaded."), label=f"Load {name}")

    def _fit(self, model: InstalledModel) -> str:
        machine = self._page.feed.machine
        if machine is None or not model.size:
            return ""
        free, where = machine.model_memory, "GPU memory" if machine.gpus else "RAM"
        if model.size <= free:
            return f"fits: {formats.size(free)} of {where} free"
        return f"does not fit now: {formats.size(free)} of {where} free"


class Fetch:
    """A name to pull, and how far each download is."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._activities = Activities(hub)
        with box("load") as self._form:
            self._name = ui.input("Model name").props('outlined dense placeholder="qwen2.5-coder:7b"')
            self._name.classes("grow").on("keydown.enter", self._pull)
            button("Pull", self._pull, icon="cloud_download", label="Pull the named model")
        self._hint = text("", "sub", "p")

    def update(self, snapshot: Snapshot) -> None:
        """Show what can be fetched from this engine."""
        view = snapshot.engine
        self._activities.update(snapshot.activities)
        self._form.set_visibility(view.capabilities.pull)
        if view.capabilities.pull:
            self._hint.set_text("A name of the engine's own registry. A model of 7B in Q4 takes some 5 GiB.")
        else:
            self._hint.set_text(
                f"{view.label or 'This engine'} does not download models: install them there."
            )

    async def _pull(self) -> None:
        if name := (self._name.value or "").strip():
            await attempt(self._hub.engine.pull(name, _say_nothing), f"{name} is installed.")


def _about(model: InstalledModel) -> str:
    parts: Sequence[str] = (
        model.parameters,
        model.quantization,
        formats.size(model.size) if model.size else "",
        f"context up to {formats.number(model.context_length)}" if model.context_length else "",
        "" if model.generates else "does not generate text",
    )
    return " · ".join(part for part in parts if part)


def _nothing(view: EngineView) -> str:
    if not view.label:
        return "No engine was found. Install Ollama, or start the server you have; it is found by itself."
    return f"{view.label} has no model yet. Pull one: qwen2.5-coder:7b is a good first choice."


async def _say_nothing(_progress: PullProgress) -> None:
    """Report to nobody: the page follows the events."""
