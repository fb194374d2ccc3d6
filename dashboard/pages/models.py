"""*Models*: what is installed, what it needs, what is loaded; fetch, load, unload."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from dashboard import formats
from dashboard.components.activities import Activities
from dashboard.components.button import button
from dashboard.components.card import card
from dashboard.components.engine import about, stays
from dashboard.components.keyed import Keyed
from dashboard.components.memory_bar import Memory
from dashboard.components.notices import attempt
from dashboard.components.shell import Page, shell
from dashboard.components.text import box, set_prop, text
from dashboard.feed import Feed
from server.backends.base import Capabilities, InstalledModel, LoadedModel, PullProgress
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


@dataclass(frozen=True)
class Entry:
    """A model with what its line shows besides. ``free`` is bytes, None where nobody looked."""

    model: InstalledModel
    loaded: LoadedModel | None
    default: bool
    capabilities: Capabilities
    free: int | None
    on_gpu: bool


class Listing:
    """The installed models by their names, which is an order that loading does not change."""

    def __init__(self, page: Page) -> None:
        self._feed = page.feed
        self._models = Keyed[Entry](
            box("models"), lambda entry: entry.model.name, lambda entry: _Line(page, entry)
        )
        with box("empty") as self._empty:
            self._nothing = text("", tag="p")

    def update(self, view: EngineView) -> None:
        """Show what the engine has."""
        machine = self._feed.machine
        loaded = {model.name: model for model in view.loaded}
        entries = [
            Entry(
                model=model,
                loaded=loaded.get(model.name),
                default=model.name == view.default_model,
                capabilities=view.capabilities,
                free=machine.model_memory if machine else None,
                on_gpu=bool(machine and machine.gpus),
            )
            for model in sorted(view.installed, key=lambda each: each.name)
        ]
        self._models.update(entries)
        self._empty.set_visibility(not entries)
        self._nothing.set_text(_nothing(view))


class _Line:
    """One model; its buttons are made once and only hidden."""

    def __init__(self, page: Page, entry: Entry) -> None:
        self._entry = entry
        self._hub = page.hub
        self._name = entry.model.name
        with box("model") as self.element:
            with box("model-words"):
                with box("model-title"):
                    text(self._name, "model-name")
                    self._default = text("default", "tag", title="Used unless a call names another")
                    self._tag = text("loaded", "tag tag-on")
                with box("sub", "p"):
                    self._about = text("")
                    self._stays = page.clock.show(self._time_left)
                self._fit = text("", "sub", "p")
            self._load = button("Load", self._load_or_unload)

    def update(self, entry: Entry) -> None:
        self._entry = entry
        loaded, can = entry.loaded, entry.capabilities
        self._default.set_visibility(entry.default)
        self._tag.set_visibility(loaded is not None)
        self._about.set_text(about(loaded) if loaded else _about(entry.model))
        self._stays.set_text(self._time_left(time.time()))
        self._fit.set_text(_fit(entry) if loaded is None else "")
        word = "Unload" if loaded else "Load"
        self._load.set_text(word)
        set_prop(self._load, "aria-label", f"{word} {self._name}")
        self._load.set_visibility(can.unload if loaded else can.load and entry.model.generates)

    def _time_left(self, now: float) -> str:
        return stays(self._entry.loaded, now) if self._entry.loaded else ""

    async def _load_or_unload(self) -> None:
        engine, name = self._hub.engine, self._name
        if self._entry.loaded:
            await attempt(engine.unload(name), f"{name} was unloaded.")
        else:
            await attempt(engine.load(name), f"{name} is loaded.")


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


def _fit(entry: Entry) -> str:
    if entry.free is None or not entry.model.size:
        return ""
    room = f"{formats.size(entry.free)} of {'GPU memory' if entry.on_gpu else 'RAM'} free"
    return f"fits: {room}" if entry.model.size <= entry.free else f"does not fit now: {room}"


def _nothing(view: EngineView) -> str:
    if not view.label:
        return "No engine was found. Install Ollama, or start the server you have; it is found by itself."
    return f"{view.label} has no model yet. Pull one: qwen2.5-coder:7b is a good first choice."


async def _say_nothing(_progress: PullProgress) -> None:
    """Report to nobody: the page follows the events."""
