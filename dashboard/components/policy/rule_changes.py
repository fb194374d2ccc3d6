"""Planned changes of the user's policy file: a preview first, then the change, which can be undone."""

import asyncio
from collections.abc import Callable

from nicegui.element import Element

from dashboard.components.controls.button import button
from dashboard.components.controls.diff_view import diff_view
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.offload.delivery.change import unified_diff
from server.policy.rules.add_rule import first_policy, write_policy
from server.policy.rules.change_rule import RulePlace, place_of
from server.policy.rules.policy_file import SHIPPED, read_policy_text
from server.policy.values import Rule

FindRule = Callable[[Rule], RulePlace]
Change = Callable[[str, str, FindRule], str]
"""Returns the text of a policy file after a change, given its text, its name, and the places of the active
rules.
"""


class RuleChanges:
    """The changes on one page. The last one can be undone as long as the page is open."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        with box("ts-rule-done ts-actions") as self._done:
            self._words = text()
            button("Undo", self._undo, icon="undo", label="Undo the change of the rules")
        self._done.set_visibility(False)
        self._before = self._after = ""

    async def preview(
        self,
        area: Element,
        change: Change,
        *,
        yes: str,
        done: str,
        also: str = "",
        then: Callable[[], object],
    ) -> None:
        """Show a change in ``area``, with a button that makes it.

        Args:
            area: an element that is hidden without a preview.
            change: plans the change; blocking.
            yes: text on the button.
            done: the notice after the change.
            also: a sentence about what the change means.
            then: called after the change.

        Raises:
            TokenSaverError: the change cannot be made.
        """
        active, before, after = await asyncio.to_thread(self._planned, change)
        path = self._hub.folders.policy_file
        begun = "This changes" if path.exists() else "This creates your own rule file,"
        words = f"{begun} {path}{':' if path.exists() else ', which starts with the rules of the app:'}"

        async def write() -> None:
            if await self._write(after, active):
                self._before, self._after = before, after
                self._words.set_text(done)
                self._done.set_visibility(True)
                hide(area)
                then()

        area.clear()
        area.set_visibility(True)
        with area:
            if also:
                text(also, "", "p")
            text(words, "", "p")
            diff_view(unified_diff(before, after, path.name))
            with box("ts-actions"):
                button(yes, write, look="main", icon="check")
                button("Cancel", lambda: hide(area))

    def _planned(self, change: Change) -> tuple[str, str, str]:
        """Return the text of the active file, and the text of the user's file before and after the change."""
        path, active = read_policy_text(self._hub.folders)
        own = path != SHIPPED
        before = active if own else first_policy(self._hub.folders)
        name = path.name if own else self._hub.folders.policy_file.name
        return active, before, change(before, name, lambda rule: place_of(active, rule))

    async def _write(self, text_after: str, expected: str, done: str = "") -> bool:
        written = asyncio.to_thread(write_policy, self._hub.folders, text_after, expected)
        if not await run_action(written, done):
            return False
        self._hub.gate.file.current()
        return True

    async def _undo(self) -> None:
        if await self._write(self._before, self._after, "Undone. The rules are as they were before."):
            self._done.set_visibility(False)


def hide(area: Element) -> None:
    """Remove a preview."""
    area.clear()
    area.set_visibility(False)


def error_words(error: TokenSaverError) -> str:
    """Return an error in words, for the place where it occurred."""
    return f"{error.cause} {error.next_step}"
