"""A dialog that shows a change to a settings file or CLAUDE.md, for this project or everywhere."""

import asyncio

from nicegui import Event, ui

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action, show_error
from server.claude_context.changes import Applied, Change, apply, plan, undo
from server.claude_context.switches import ClaudeFolders, Scope
from server.common.errors import TokenSaverError
from server.config.folders import Folders

SCOPES: dict[Scope, str] = {"project": "For this project", "user": "Everywhere"}


class Switcher:
    """Applies and undoes switches. ``acted`` is emitted after each change."""

    def __init__(self, claude: ClaudeFolders, folders: Folders, acted: Event[[]]) -> None:
        self._claude = claude
        self._folders = folders
        self._acted = acted

    def ask(self, part: str, title: str, done: str) -> None:
        """Show the change for both scopes. ``done`` is the notice shown once it has been made."""
        with ui.dialog() as dialog, ui.card().classes("ts-dialog"):
            text(title, tag="h3")
            for scope in SCOPES:
                self._choice(dialog, part, scope, done)
            text("The change takes effect in new sessions. You can undo it on this page.", "ts-sub", "p")
            button("Cancel", dialog.close, look="quiet")
        dialog.open()

    def applied_row(self, each: Applied, words: str, undo_words: str) -> None:
        """Show an applied switch with a button to undo it."""
        where = "everywhere" if each.scope == "user" else f"in {each.project}"
        with box("ts-actions"):
            text(f"{each.part} is {words} {where}.", "ts-sub")
            label = f"{undo_words}: {each.part}"
            button(undo_words, lambda: self._undo(each), look="quiet", label=label)

    def _choice(self, dialog: ui.dialog, part: str, scope: Scope, done: str) -> None:
        words = SCOPES[scope]
        try:
            change = plan(part, scope, self._claude)
        except TokenSaverError as error:
            text(f"{words}: {error.cause}", "ts-sub", "p")
            return
        text(f"{words}: {change.switch.setting}", "ts-sub", "p")
        text(change.diff() or "Done already.", "ts-command ts-pre", "pre")
        if change.diff():
            button(words, lambda: self._apply(dialog, change, done), look="main", icon="power_settings_new")

    async def _apply(self, dialog: ui.dialog, change: Change, done: str) -> None:
        dialog.close()
        if await run_action(asyncio.to_thread(apply, change, self._folders), done):
            self._acted.emit()

    async def _undo(self, done: Applied) -> None:
        try:
            await asyncio.to_thread(undo, done, self._folders, self._claude)
        except TokenSaverError as error:
            show_error(error)
            return
        self._acted.emit()
