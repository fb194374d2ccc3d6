"""The table of all parts that the set-up adds to a request, with a switch for each part."""

import asyncio
from collections.abc import Sequence

from nicegui import Event, ui

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action, show_error
from dashboard.formats import money, number
from server.common.errors import TokenSaverError
from server.config.folders import Folders
from server.context.changes import Applied, Change, apply, plan, undo
from server.context.report import Context
from server.context.switches import Scope, find_switch
from server.context.weights import NAMES, Weight

SHOWN = 60
HEADS = ("Part", "Tokens", "Characters", "Sessions", "Used", "A week", "")


class PartTable:
    """The parts, most expensive first, and the parts that are switched off."""

    def __init__(self, context: Context, off: Sequence[Applied], folders: Folders, acted: Event[[]]) -> None:
        self._context = context
        self._folders = folders
        self._acted = acted
        report = context.report
        if off:
            self._switched_off(off)
        with box("ts-groups", "table"):
            with box("", "thead"), box("", "tr"):
                for head in HEADS:
                    text(head, tag="th" if head else "td").props["scope"] = "col"
            with box("", "tbody"):
                for weight in (*report.plugins, *report.weights)[:SHOWN]:
                    self._row(weight)

    def _row(self, weight: Weight) -> None:
        with box("", "tr"):
            with box("", "th") as head:
                head.props["scope"] = "row"
                text(f"{NAMES[weight.kind]} {weight.name}", "ts-group-name", title=weight.part)
            text(number(weight.tokens), "ts-num", "td")
            text(number(weight.characters) if weight.characters else "–", "ts-num", "td")
            text(number(weight.sessions), "ts-num", "td")
            text(_uses(weight), "ts-num", "td")
            text(money(weight.microusd), "ts-num", "td")
            with box("", "td"):
                if find_switch(weight.part, "user", self._context.claude) is not None:
                    label = f"Switch off: {NAMES[weight.kind]} {weight.name}"
                    button("Switch off", lambda: self._ask(weight.part), look="quiet", label=label)

    def _switched_off(self, off: Sequence[Applied]) -> None:
        for each in off:
            where = "everywhere" if each.scope == "user" else f"in {each.project}"
            with box("ts-actions"):
                text(f"{each.part} is off {where}.", "ts-sub")
                button(
                    "Switch on again",
                    lambda each=each: self._undo(each),
                    look="quiet",
                    label=f"Switch on again: {each.part}",
                )

    def _ask(self, part: str) -> None:
        """Show the change of Claude Code's settings, for this project or everywhere."""
        with ui.dialog() as dialog, ui.card().classes("ts-dialog"):
            text(f"Switch off {part}", tag="h3")
            for scope, words in (("project", "For this project"), ("user", "Everywhere")):
                self._choice(dialog, part, scope, words)  # type: ignore[arg-type]
            text(
                "The change takes effect in new sessions. You can switch the part on again on this page.",
                "ts-sub",
                "p",
            )
            button("Cancel", dialog.close, look="quiet")
        dialog.open()

    def _choice(self, dialog: ui.dialog, part: str, scope: Scope, words: str) -> None:
        try:
            change = plan(part, scope, self._context.claude)
        except TokenSaverError as error:
            text(f"{words}: {error.cause}", "ts-sub", "p")
            return
        text(f"{words}: {change.switch.setting}", "ts-sub", "p")
        text(change.diff() or "Off already.", "ts-command ts-pre", "pre")
        if change.diff():
            button(words, lambda: self._apply(dialog, change), look="main", icon="power_settings_new")

    async def _apply(self, dialog: ui.dialog, change: Change) -> None:
        dialog.close()
        if await run_action(asyncio.to_thread(apply, change, self._folders), "Off in new sessions."):
            self._acted.emit()

    async def _undo(self, done: Applied) -> None:
        try:
            await asyncio.to_thread(undo, done, self._folders, self._context.claude)
        except TokenSaverError as error:
            show_error(error)
            return
        self._acted.emit()


def _uses(weight: Weight) -> str:
    """Return how often a part was used. Parts that the client reads automatically have no uses."""
    if weight.unused:
        return "never"
    return number(weight.uses) if weight.uses else "–"
