"""Optional extras for Claude Code. Users see the change to a file before it is written."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from dashboard.components.controls.button import button
from dashboard.components.controls.change_preview import Act, ChangePreview
from dashboard.components.controls.elements import box, set_prop, text
from server.clients import advice, claude_code, config_change
from server.clients.advice import KINDS, Kind
from server.clients.bridge_command import bridge_command
from server.clients.config_change import ConfigChange
from server.clients.config_files import find_place
from server.common.errors import NotFound
from server.config.folders import Folders


@dataclass(frozen=True)
class Extra:
    """The name of an extra and what it does."""

    name: str
    about: str


EXTRAS: Mapping[Kind, Extra] = {
    "digest": Extra(
        "Digests",
        "Claude gets a short digest instead of the whole output of long commands and logs. It can still ask "
        "for every line.",
    ),
    "claude-md": Extra("Note in CLAUDE.md", "Tells Claude which routine work to hand over."),
    "hook": Extra("Reminder", "Reminds Claude of the local model before it reads or writes large files."),
    "statusline": Extra(
        "Status line",
        "Shows in Claude Code what was saved. The app then also knows how much of your quota is used.",
    ),
}


class Extras:
    """One line per extra: its state, and a button to change it. ``on_change`` is called with the number of
    extras that are on.
    """

    def __init__(self, folders: Folders, on_change: Callable[[int], object]) -> None:
        self._on_change = on_change
        with box() as self._body:
            self._lines = [_Line(folders, kind, extra, self.refresh) for kind, extra in EXTRAS.items()]
        self._missing = text("These extras need Claude Code, which is not installed.", "ts-sub", "p")

    async def refresh(self) -> None:
        """Read Claude Code's files."""
        installed = await asyncio.to_thread(_is_installed)
        self._body.set_visibility(installed)
        self._missing.set_visibility(not installed)
        on = await asyncio.to_thread(lambda: {kind: advice.is_on(kind, "user") for kind in KINDS})
        for line in self._lines:
            line.update(on=on[line.kind])
        self._on_change(sum(on.values()))


class _Line:
    def __init__(
        self, folders: Folders, kind: Kind, extra: Extra, then: Callable[[], Awaitable[object]]
    ) -> None:
        self.kind = kind
        self._folders = folders
        self._extra = extra
        self._then = then
        self._on = False
        with box("ts-client", "section", extra.name):
            with box("ts-client-head"):
                text(extra.name, "ts-grow", "h3")
                self._state = text("", "ts-tag")
                self._button = button("", self._plan)
            text(extra.about, "ts-sub", "p")
            self._preview = ChangePreview(folders)

    def update(self, *, on: bool) -> None:
        """Show whether the extra is on."""
        self._on = on
        self._state.set_text("on" if on else "off")
        self._state.classes(**{"add" if on else "remove": "ts-tag-on"})
        words = "Switch off…" if on else "Switch on…"
        self._button.set_text(words)
        set_prop(self._button, "aria-label", f"{words} {self._extra.name}")

    async def _plan(self) -> None:
        words = "Remove it" if self._on else "Write the file"
        done = f"{self._extra.name}: {'off' if self._on else 'on'} from the next session of Claude Code."
        label = f"{words}: {self._extra.name}"
        await self._preview.show(self._change, words, done=done, then=self._then, label=label)

    def _change(self) -> tuple[ConfigChange, Act]:
        if advice.is_on(self.kind, "user"):
            [change] = advice.plan_off([self.kind], "user", self._folders)
            return change, config_change.disconnect
        claude_code.require_version([self.kind])
        [change] = advice.plan_on([self.kind], "user")
        return change, config_change.connect


def _is_installed() -> bool:
    try:
        find_place("claude-code", "user", bridge_command())
    except NotFound:
        return False
    return True
