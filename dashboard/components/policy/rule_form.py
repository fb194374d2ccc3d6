"""The form that adds a rule to the user's policy file, with a preview of the lines that it writes."""

import asyncio
from dataclasses import replace
from typing import Final

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.diff_view import diff_view
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from server.common.errors import BadArguments, TokenSaverError
from server.hub import Hub
from server.offload.delivery.change import unified_diff
from server.policy.rules.add_rule import NewRule, first_policy, policy_with, write_policy, writes_into
from server.policy.rules.policy_file import SHIPPED, read_policy_text
from server.policy.values import EVERY_TOOL, Condition

ALWAYS, FILES, FOLDER = "always", "files", "folder"
TOOLS = {
    "offload_work": "Do a task, also in a batch (offload_work)",
    "batch_offload": "Start a batch (batch_offload)",
    "compress_context": "Read files into a digest (compress_context)",
    "pull_model": "Download a model (pull_model)",
    "preload_model": "Load a model (preload_model)",
    EVERY_TOOL: "Every tool",
}
WHEN = {ALWAYS: "Always", FILES: "If it touches more files than", FOLDER: "If it writes into the folder"}
CONDITIONS = {
    "offload_work": (ALWAYS, FILES, FOLDER),
    "batch_offload": (ALWAYS, FILES),
    "compress_context": (ALWAYS, FILES),
    EVERY_TOOL: (ALWAYS, FILES),
}
"""The conditions that can hold for a tool; for other tools only ``ALWAYS``."""
WHOLE = "Enter a whole number, such as 5."
ASK: Final = "require_approval"
DENY: Final = "deny"
ACTIONS = {ASK: "Ask me first", DENY: "Deny"}


class RuleForm:
    """A fold with the form. Nothing is written before the user has seen the change."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        with box("ts-fold ts-rule-form", "details") as self._fold:
            text("Add a rule", tag="summary")
            with box("ts-rule-fields"):
                self._tool = _select(TOOLS, "When Claude wants to")
                self._when = _select({ALWAYS: WHEN[ALWAYS]}, "Condition")
                self._value = ui.input("Value", on_change=self._clear_error)
                self._value.props("outlined dense hide-bottom-space")
                self._action = _select(ACTIONS, "Then")
                self._reason = ui.input("Reason, for you and Claude")
                self._reason.props("outlined dense hide-bottom-space")
                self._error = text("", "ts-job-reason", "p")
                self._error.props["role"] = "alert"
                with box("ts-actions"):
                    button("Preview", self._preview, icon="visibility", label="Preview the rule")
            self._change = box("ts-preview")
            self._change.set_visibility(False)
        self._tool.on_value_change(self._offer_conditions)
        self._when.on_value_change(self._ask_value)
        self._offer_conditions()

    def _offer_conditions(self) -> None:
        known = CONDITIONS.get(str(self._tool.value), (ALWAYS,))
        kept = self._when.value if self._when.value in known else ALWAYS
        self._when.set_options({each: WHEN[each] for each in known}, value=kept)
        self._ask_value()

    def _ask_value(self) -> None:
        self._clear_error()
        self._value.set_visibility(self._when.value != ALWAYS)
        self._value.props["label"] = (
            "Number of files" if self._when.value == FILES else "Folder in the project"
        )

    def _clear_error(self) -> None:
        self._value.error = None

    async def _preview(self) -> None:
        self._close()  # it may show another rule
        self._error.set_text("")
        try:
            condition = self._condition()
        except BadArguments as error:
            self._value.error = f"{error.cause} {error.next_step}"
            return
        try:
            rule = self._rule(condition)
            active, before, after = await asyncio.to_thread(self._planned, rule)
        except TokenSaverError as error:
            self._error.set_text(f"{error.cause} {error.next_step}")
            return
        path = self._hub.folders.policy_file
        own = path.exists()

        async def write() -> None:
            written = asyncio.to_thread(write_policy, self._hub.folders, after, active)
            if await run_action(written, "The rule is active."):
                self._close()
                self._reason.set_value("")
                self._hub.gate.file.current()

        self._change.clear()
        self._change.set_visibility(True)
        with self._change:
            words = (
                f"This changes {path}:" if own else f"This creates {path} with the app's current rules, plus:"
            )
            text(words, "", "p")
            diff_view(unified_diff(before, after, path.name))
            with box("ts-actions"):
                button("Add the rule", write, look="main", icon="check")
                button("Cancel", self._close)

    def _planned(self, rule: NewRule) -> tuple[str, str, str]:
        """Return the text of the active file, and the text of the user's file before and after the change."""
        path, active = read_policy_text(self._hub.folders)
        before = first_policy(self._hub.folders) if path == SHIPPED else active
        return active, before, policy_with(before, path.name, rule)

    def _condition(self) -> Condition | None:
        """Return the condition as entered; None if the rule always applies.

        Raises:
            BadArguments: the value is missing or cannot be used.
        """
        value = str(self._value.value or "").strip()
        if self._when.value == FILES:
            if not value:
                raise BadArguments("The number of files is missing.", WHOLE)
            if not value.isdecimal():
                raise BadArguments("The number of files is not a whole number.", WHOLE)
            return Condition("call.files", "gt", int(value))
        return writes_into(value) if self._when.value == FOLDER else None

    def _rule(self, condition: Condition | None) -> NewRule:
        tool, reason = str(self._tool.value), str(self._reason.value or "")
        if self._action.value != DENY:
            return NewRule(tool, ASK, reason, condition)
        if self._when.value == FOLDER:
            raise BadArguments(
                "A rule cannot deny one folder.", 'Add the folder to "Never write" in the settings.'
            )
        if condition is None:
            return NewRule(tool, DENY, reason)
        # A rule that denies has no conditions; one without an action lets calls pass.
        return NewRule(tool, "evaluate", reason, replace(condition, op="lte"))

    def _close(self) -> None:
        self._change.clear()
        self._change.set_visibility(False)


def _select(options: dict[str, str], label: str) -> ui.select:
    made = ui.select(options, value=next(iter(options)), label=label)
    return made.props("outlined dense options-dense hide-bottom-space")
