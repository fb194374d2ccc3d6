"""Commands of the palette that every page offers. They are buttons that only the palette shows."""

from collections.abc import Callable

from nicegui.element import Element

from dashboard.components.controls.copy_button import copy
from dashboard.components.controls.elements import box, set_prop
from dashboard.components.controls.notices import run_action
from dashboard.components.frame.pause_button import pauses
from server.common.errors import NotFound
from server.hub import Hub
from server.state.snapshot import Snapshot
from server.store.records import OffloadFilter

RECENT = 50
"""Number of results to search for one that can be undone."""


class Commands:
    """Undo, load and unload, pause and resume, and a link for another browser."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._default = ""
        with box("ts-commands") as body:
            body.props["hidden"] = True
            self._undo = _command("Undo the last result", self._undo_last)
            self._load = _command("", self._load_default)
            self._unload = _command("Unload all models", self._unload_all)
            self._pauses = [
                _command(f"Pause {words[0].lower()}{words[1:]}", choose)
                for group in pauses(hub)
                for words, choose in group
            ]
            self._resume = _command("Resume offloading", hub.resume)
            _command("Copy a login link for another browser", self._copy_link)

    def update(self, snapshot: Snapshot) -> None:
        """Offer what the state allows."""
        engine, paused = snapshot.engine, snapshot.paused_until is not None
        loaded = {model.name for model in engine.loaded}
        names = [model.name for model in engine.installed if model.generates]
        self._default = engine.default_model if engine.default_model in names else ""
        set_prop(self._load, "data-command", f"Load {self._default}")
        _offer(self._load, engine.capabilities.load and bool(self._default) and self._default not in loaded)
        _offer(self._unload, engine.capabilities.unload and bool(loaded))
        for each in self._pauses:
            _offer(each, not paused)
        _offer(self._resume, paused)

    async def _undo_last(self) -> None:
        rows = await self._hub.history.page(OffloadFilter(outcome="delivered"), RECENT)
        for row in rows:
            detail = None if row.undone else await self._hub.history.get(row.id)
            if detail is not None and detail.undo is not None:
                await run_action(self._hub.undo(row.id), f"Undone: {row.output} is as it was before.")
                return
        await run_action(_nothing_to_undo())

    async def _load_default(self) -> None:
        await run_action(self._hub.engine.load(self._default), f"{self._default} is loaded.")

    async def _unload_all(self) -> None:
        for model in self._hub.snapshot().engine.loaded:
            await run_action(self._hub.engine.unload(model.name), f"{model.name} was unloaded.")

    async def _copy_link(self) -> None:
        await copy(self._hub.login_link(), "Copied. The link logs in one browser on this machine.")


def _command(words: str, act: Callable[[], object]) -> Element:
    made = box("", "button")
    made.props.update({"type": "button", "data-command": words, "tabindex": "-1"})
    made.on("click", lambda _: act())
    return made


def _offer(command: Element, offered: bool) -> None:
    command.set_visibility(offered)


async def _nothing_to_undo() -> None:
    raise NotFound("No recent result can be undone.", "The History page lists all of them.")
