"""The form that adds or edits a rule of the user's policy file, with a preview of the change."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, set_prop, text
from dashboard.components.policy.rule_changes import Change, FindRule, RuleChanges, error_words, hide
from dashboard.tool_names import plain_tools
from server.common.errors import BadArguments, TokenSaverError
from server.policy.rules.add_rule import NewRule, folder_of, policy_with, writes_into
from server.policy.rules.change_rule import with_replaced
from server.policy.values import APPROVAL_SECONDS, EVERY_TOOL, Condition, Rule

ALWAYS, FILES, FOLDER = "always", "files", "folder"
TOOLS = {
    "offload_work": "Do a task, also in a batch",
    "batch_offload": "Start a batch",
    "compress_context": "Read files to answer a question",
    "pull_model": "Download a model",
    "preload_model": "Load a model",
    EVERY_TOOL: "Do anything (every tool)",
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
LIMIT: Final = "limit"
ACTIONS = {ASK: "Ask me first", DENY: "Deny", LIMIT: "Limit how often"}
WINDOWS = {"minute": "A minute", "hour": "An hour", "day": "A day"}
OPEN = "each => { each.open = true; each.querySelector('summary').focus(); }"
CLOSE = "each => { each.open = false; each.querySelector('summary').focus(); }"


class RuleForm:
    """A fold with the form. Nothing is written before the user has seen the change."""

    def __init__(self, changes: RuleChanges) -> None:
        self._changes = changes
        self._edited: tuple[Rule, ...] = ()
        with box("ts-fold ts-rule-form", "details") as self._fold:
            self._heading = text("Add a rule", tag="summary")
            with box("ts-rule-fields"):
                self._for = text("", "", "p")
                self._tool = _select(TOOLS, "When Claude wants to")
                self._action = _select(ACTIONS, "Then")
                self._when = _select({ALWAYS: WHEN[ALWAYS]}, "Condition")
                self._value = ui.input("Value", on_change=self._clear_errors)
                self._value.props("outlined dense hide-bottom-space")
                self._window = _select(WINDOWS, "In")
                self._reason = ui.input("Reason, for you and Claude", on_change=self._clear_errors)
                self._reason.props("outlined dense hide-bottom-space")
                self._error = text("", "ts-job-reason", "p")
                self._error.props["role"] = "alert"
                with box("ts-actions"):
                    button("Preview", self._preview, icon="visibility", label="Preview the rule")
                    self._stop = button("Cancel", self._close, label="Cancel editing the rule")
            self._change = box("ts-preview")
            self._change.set_visibility(False)
        self._tool.on_value_change(self._offer_fields)
        self._action.on_value_change(self._offer_fields)
        self._when.on_value_change(self._offer_fields)
        self._empty()

    def edit(self, rules: Sequence[Rule]) -> None:
        """Open the form with the fields of a rule, which can be the same for more than one tool."""
        fields = fields_of(rules[0])
        if fields is None:
            return
        self._empty()
        self._edited = tuple(rules)
        self._heading.set_text(f"Edit the rule “{rules[0].name}”")
        self._for.set_text(f"For {plain_tools(rule.tool for rule in rules)}:")
        self._for.set_visibility(True)
        self._tool.set_visibility(False)
        self._stop.set_visibility(True)
        action, when, value, window = fields
        if rules[0].tool in TOOLS:
            self._tool.set_value(rules[0].tool)
        self._action.set_value(action)
        self._offer_fields()
        self._when.set_value(when)
        self._value.set_value(value)
        self._window.set_value(window)
        self._reason.set_value(rules[0].on_deny or rules[0].name)
        self._run(OPEN)

    def _empty(self) -> None:
        """Show the fields of a new rule."""
        self._edited = ()
        self._heading.set_text("Add a rule")
        self._for.set_visibility(False)
        self._tool.set_visibility(True)
        self._stop.set_visibility(False)
        self._tool.set_value(next(iter(TOOLS)))
        self._action.set_value(ASK)
        self._when.set_value(ALWAYS)
        for field in (self._value, self._reason):
            field.set_value("")
        self._offer_fields()
        hide(self._change)

    def _offer_fields(self) -> None:
        """Show the fields that the tool and the action need."""
        self._clear_errors()
        limited = self._action.value == LIMIT
        known = CONDITIONS.get(str(self._tool.value), (ALWAYS,))
        if self._edited and self._edited[0].tool not in TOOLS:
            known = (ALWAYS, FILES)
        kept = self._when.value if self._when.value in known else ALWAYS
        self._when.set_options({each: WHEN[each] for each in known}, value=kept)
        self._when.set_visibility(not limited and len(known) > 1)
        self._window.set_visibility(limited)
        self._value.set_visibility(limited or kept != ALWAYS)
        label = (
            "Calls at most" if limited else "Number of files" if kept == FILES else "Folder in the project"
        )
        set_prop(self._value, "label", label)

    def _clear_errors(self) -> None:
        self._error.set_text("")
        for field in (self._value, self._reason):
            field.error = None

    async def _preview(self) -> None:
        hide(self._change)  # it may show another rule
        self._clear_errors()
        try:
            condition = self._condition()
        except BadArguments as error:
            self._value.error = error_words(error)
            return
        if not str(self._reason.value or "").strip():
            self._reason.error = "Enter a reason. You and Claude will see it."
            return
        try:
            rule = self._rule(condition)
            await self._changes.preview(
                self._change,
                self._planned(rule),
                yes="Save the rule" if self._edited else "Add the rule",
                done="The rule is changed." if self._edited else "The rule is active.",
                then=self._close,
            )
        except TokenSaverError as error:
            self._error.set_text(error_words(error))

    def _planned(self, rule: NewRule) -> Change:
        edited = self._edited
        if not edited:
            return lambda before, name, _: policy_with(before, name, rule)

        def change(before: str, name: str, find: FindRule) -> str:
            for each in edited:
                kept = each.name if each.on_deny and each.name != each.on_deny else ""
                seconds = each.approval_seconds if each.approval_seconds != APPROVAL_SECONDS else None
                new = replace(rule, tool=each.tool, name=kept, approval_seconds=seconds)
                before = with_replaced(before, name, find(each), new)
            return before

        return change

    def _condition(self) -> Condition | None:
        """Return the condition as entered; None if the rule always applies.

        Raises:
            BadArguments: the value is missing or cannot be used.
        """
        value = str(self._value.value or "").strip()
        if self._action.value == LIMIT:
            if not value.isdecimal() or not int(value):
                raise BadArguments("The number of calls is not a whole number.", WHOLE)
            return None
        if self._when.value == FILES:
            if not value:
                raise BadArguments("The number of files is missing.", WHOLE)
            if not value.isdecimal():
                raise BadArguments("The number of files is not a whole number.", WHOLE)
            return Condition("call.files", "gt", int(value))
        return writes_into(value) if self._when.value == FOLDER else None

    def _rule(self, condition: Condition | None) -> NewRule:
        tool, reason = str(self._tool.value), str(self._reason.value or "")
        if self._action.value == LIMIT:
            rate = f"{str(self._value.value).strip()}/{self._window.value}"
            return NewRule(tool, "evaluate", reason, rate_limit=rate)
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
        self._empty()
        self._run(CLOSE)

    def _run(self, script: str) -> None:
        # The button that led here may be gone, so the page is asked, not the current context.
        self._fold.client.run_javascript(f"({script})(getHtmlElement({self._fold.id}))")


def fields_of(rule: Rule) -> tuple[str, str, str, str] | None:
    """Return action, condition, value and window of a rule as the form has them; None if it cannot."""
    counter, window = rule.counter, next(iter(WINDOWS))
    if counter is not None:
        plain_limit = rule.limit is not None and rule.action == "evaluate" and str(counter.window) in WINDOWS
        if plain_limit and rule.limit is not None:
            return LIMIT, ALWAYS, f"{rule.limit:.0f}", str(counter.window)
        return None
    if not rule.conditions:
        known = {ASK: ASK, DENY: DENY}.get(rule.action)
        return (known, ALWAYS, "", window) if known else None
    if len(rule.conditions) > 1:
        return None
    (condition,) = rule.conditions
    if condition.path == "call.files" and (rule.action, condition.op) in ((ASK, "gt"), ("evaluate", "lte")):
        return ASK if rule.action == ASK else DENY, FILES, str(condition.value), window
    folder = folder_of(condition)
    return (ASK, FOLDER, folder, window) if folder and rule.action == ASK else None


def _select(options: dict[str, str], label: str) -> ui.select:
    made = ui.select(options, value=next(iter(options)), label=label)
    return made.props("outlined dense options-dense hide-bottom-space")
