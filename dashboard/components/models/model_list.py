"""The installed models with their memory and speed on this machine; buttons to load, unload, measure and
delete them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from nicegui import ui

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, link, set_prop, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import run_action, show_notice
from dashboard.components.controls.question import agrees
from dashboard.components.frame.page_frame import Page
from dashboard.components.models.engine_card import about, stays
from server.backends.base import Capabilities, InstalledModel, LoadedModel
from server.engine.view import EngineView
from server.models.catalogue import CatalogueModel
from server.models.default_model import make_default
from server.models.deletion import delete_model, stop_listing
from server.models.evidence import NOTHING, Evidence
from server.models.recommend import memory_needed
from server.state.snapshot import Snapshot

OnDefault = Callable[[], Awaitable[object]]
"""Called after another model became the default."""


@dataclass(frozen=True)
class ModelEntry:
    """A model with all the data shown in its row. ``free`` is free memory in bytes, None if unknown."""

    model: InstalledModel
    loaded: LoadedModel | None
    default: bool
    measuring: bool
    capabilities: Capabilities
    deletes: bool
    evidence: Evidence
    free: int | None
    on_gpu: bool


class ModelList:
    """The installed models, sorted by name so that loading one does not reorder the list."""

    def __init__(self, page: Page, on_default: OnDefault) -> None:
        self._page = page
        self._models = KeyedList[ModelEntry](
            box("ts-models"), lambda entry: entry.model.name, lambda entry: _Line(page, entry, on_default)
        )
        with box("ts-own-folders") as self._own_folders:
            text("The app never deletes models in folders of your own or of other programs. ", "ts-sub")
            link("/settings#settings-engine", "", "Folders in Settings")
        with box("ts-empty") as self._empty:
            self._nothing = text("", tag="p")

    def update(self, snapshot: Snapshot, known: Mapping[str, Evidence]) -> None:
        """Update the engine's models. ``known`` holds each model's measurements and results."""
        view, machine = snapshot.engine, self._page.updates.machine
        loaded = {model.name: model for model in view.loaded}
        entries = [
            ModelEntry(
                model=model,
                loaded=loaded.get(model.name),
                default=model.name == view.default_model,
                measuring=self._page.hub.measuring.running == model.name,
                capabilities=view.capabilities,
                deletes=view.capabilities.delete and not model.place,
                evidence=known.get(model.name.removesuffix(":latest"), NOTHING),
                free=machine.model_memory if machine else None,
                on_gpu=bool(machine and machine.gpus),
            )
            for model in sorted(view.installed, key=lambda each: each.name)
        ]
        self._models.update(entries)
        self._own_folders.set_visibility(any(each.model.place for each in entries))
        self._empty.set_visibility(not entries)
        self._nothing.set_text(_nothing(view))


class _Line:
    """The row for one model. Its buttons are built once and merely hidden."""

    def __init__(self, page: Page, entry: ModelEntry, on_default: OnDefault) -> None:
        self._entry = entry
        self._on_default = on_default
        self._hub = page.hub
        self._name = entry.model.name
        with box("ts-model") as self.element:
            with box("ts-model-words"):
                with box("ts-model-title"):
                    text(self._name, "ts-model-name")
                    self._default = text("default", "ts-tag", title="Used unless a call names another model")
                    self._tag = text("loaded", "ts-tag ts-tag-on")
                with box("ts-sub", "p"):
                    self._about = text("")
                    self._stays = page.clock.show(self._time_left)
                self._fit = text("", "ts-sub", "p")
                self._known = text("", "ts-sub", "p")
            with box("ts-model-actions"):
                self._choose = button("Make default", self._make_default, label=f"Make default: {self._name}")
                self._load = button("Load", self._load_or_unload)
                self._measure = button("Measure", self._measure_or_stop)
                self._delete = button(
                    "Delete…", self._ask_to_delete, look="danger", label=f"Delete… {self._name}"
                )
                self._unlist = button(
                    "Stop listing…", self._ask_to_stop_listing, label=f"Stop listing… {self._name}"
                )

    def update(self, entry: ModelEntry) -> None:
        self._entry = entry
        loaded, can = entry.loaded, entry.capabilities
        self._default.set_visibility(entry.default)
        self._choose.set_visibility(entry.model.generates and not entry.default)
        self._tag.set_visibility(loaded is not None)
        self._about.set_text(about(loaded) if loaded else _about(entry.model))
        self._stays.refresh(time.time())
        self._fit.set_text(_fit(entry) if loaded is None else "")
        self._known.set_text(_known(entry.evidence))
        word = "Unload" if loaded else "Load"
        self._load.set_text(word)
        set_prop(self._load, "aria-label", f"{word} {self._name}")
        self._load.set_visibility(can.unload if loaded else can.load and entry.model.generates)
        word = "Stop measuring" if entry.measuring else "Measure"
        self._measure.set_text(word)
        set_prop(self._measure, "aria-label", f"{word} {self._name}")
        self._measure.set_visibility(entry.model.generates)
        self._delete.set_visibility(entry.deletes)
        self._unlist.set_visibility(bool(entry.model.listed_as))

    def _time_left(self, now: float) -> str:
        return stays(self._entry.loaded, now) if self._entry.loaded else ""

    async def _load_or_unload(self) -> None:
        engine, name = self._hub.engine, self._name
        if self._entry.loaded:
            await run_action(engine.unload(name), f"{name} was unloaded.")
        else:
            await run_action(engine.load(name), f"{name} is loaded.")

    async def _make_default(self) -> None:
        if await run_action(
            make_default(self._hub.engine, self._hub.folders, self._name),
            f"{self._name} is used from now on, unless a call names another model.",
        ):
            await self._on_default()

    async def _measure_or_stop(self) -> None:
        if self._entry.measuring:
            self._hub.measuring.cancel()
            return
        page = ui.context.client
        # A separate task, so that stopping the measurement ends nothing else.
        work = asyncio.ensure_future(self._hub.measure(self._name))
        await asyncio.wait([work])
        if work.cancelled():
            with page:
                show_notice("The measurement was stopped. No result was kept.")
        else:
            await run_action(work, f"{self._name} was measured.")

    async def _ask_to_delete(self) -> None:
        size = formats.size(self._entry.model.size) if self._entry.model.size else "its space"
        about = f"This frees {size} of disk space. You can download the model again later."
        heading = f"Delete {self._name}?"
        if await agrees(heading, about, yes="Delete", no="Keep", look="danger", icon="delete"):
            await run_action(delete_model(self._hub.engine, self._name), f"{self._name} was deleted.")

    async def _ask_to_stop_listing(self) -> None:
        place = self._entry.model.listed_as
        inside = [each for each in self._hub.snapshot().engine.installed if each.listed_as == place]
        models = formats.count(len(inside), "model")
        about = (
            f"{models} there will no longer be offered. No file is changed. Add the path again to list it."
        )
        if await agrees(
            f"Stop listing {place}?", about, yes="Stop listing", no="Keep", look="main", icon="folder_off"
        ):
            await run_action(stop_listing(self._hub.engine, place), f"{place} is no longer listed.")


def _about(model: InstalledModel) -> str:
    parts: Sequence[str] = (
        model.parameters,
        model.quantization,
        formats.size(model.size) if model.size else "",
        f"context up to {formats.number(model.context_length)}" if model.context_length else "",
        formats.licence(model.license),
        "" if model.generates else "does not generate text",
        f"in {model.place}" if model.place else "",
    )
    return " · ".join(part for part in parts if part)


def _fit(entry: ModelEntry) -> str:
    if entry.free is None or not entry.model.size:
        return ""
    needed = memory_needed(CatalogueModel(name=entry.model.name, size=entry.model.size))
    free = f"{formats.size(entry.free)} of free {'GPU memory' if entry.on_gpu else 'RAM'}"
    return (
        f"{'Fits' if needed <= entry.free else 'Does not fit now'}: needs ≈ {formats.size(needed)} of {free}"
    )


def _known(evidence: Evidence) -> str:
    parts = [evidence.summary] if evidence.summary else []
    if evidence.prompt_rate:
        parts.append(f"reads {formats.speed(evidence.prompt_rate)}")
    if evidence.load_seconds:
        parts.append(f"loads in {formats.duration(evidence.load_seconds)}")
    return " · ".join(parts)


def _nothing(view: EngineView) -> str:
    if view.error and view.label:
        return f"{view.label} does not answer, so its models are unknown."
    if not view.label:
        return "No engine found. Install Ollama or start your own server; the app finds it automatically."
    return f"{view.label} has no model yet. Add one above, or download one of the recommended models."
