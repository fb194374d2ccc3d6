"""The active rules: each rule once, with the tools that it holds for, and the actions that change it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, link, set_classes, text
from dashboard.components.controls.notices import run_action, show_error
from dashboard.components.policy.rule_changes import Change, FindRule, RuleChanges
from dashboard.components.policy.rule_form import RuleForm, fields_of
from dashboard.tool_names import plain_tools
from server.common.errors import TokenSaverError
from server.config.sections import PathsSettings
from server.hub import Hub
from server.policy.rules.add_rule import first_policy, write_policy
from server.policy.rules.change_rule import can_change, with_switched, without_rule
from server.policy.rules.describe import describe_rule, path_rules
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.policy_file import SHIPPED, Loaded, read_policy_text
from server.policy.values import EVERY_TOOL, Policy, Rule


@dataclass(frozen=True)
class SharedRule:
    """A rule that is the same for one or more tools. ``rules`` has one for each tool."""

    rules: tuple[Rule, ...]
    on: bool

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that it holds for."""
        return tuple(rule.tool for rule in self.rules)


def shared_rules(policy: Policy) -> tuple[SharedRule, ...]:
    """Return the rules in the order of the file. Equal rules of more than one tool come together."""
    every = [(rule, True) for rules in policy.tools.values() for rule in rules]
    every += [(rule, False) for rule in policy.off]
    groups: dict[tuple[object, ...], list[Rule]] = {}
    for rule, on in sorted(every, key=lambda each: each[0].line):
        same = (rule.name, describe_rule(rule), rule.on_deny, rule.approval_seconds, on)
        number = 0
        while any(other.tool == rule.tool for other in groups.get((*same, number), ())):
            number += 1  # the same rule twice for one tool
        groups.setdefault((*same, number), []).append(rule)
    return tuple(SharedRule(tuple(rules), bool(key[-2])) for key, rules in groups.items())


def rule_list(hub: Hub, loaded: Loaded, changes: RuleChanges, form: RuleForm) -> None:
    """Show the active rules."""
    policy = loaded.policy
    own = loaded.path != SHIPPED
    if own:
        text(str(loaded.path), "ts-sub ts-rules-file", "p")
    else:
        _own_file_offer(hub)
    if loaded.error:
        text(f"{loaded.error} {loaded.until_then}", "ts-job-reason", "p")
    # The app's own description sums up the rules below, also in a copy of them.
    shipped = (
        policy.description == parse_policy(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name).description
    )
    for words in (policy.remark, "" if shipped else policy.description):
        if words:
            text(words, "ts-sub", "p")
    changeable = can_change(loaded.path.name, policy) and not loaded.error
    if own and not changeable and not loaded.error:
        text("Rules in this format are changed in the file. The page follows.", "ts-sub", "p")
    if policy.hide:
        text(f"Hidden from Claude: {plain_tools(sorted(policy.hide))}", "ts-sub", "p")
    with box("ts-rules", "ul"):
        for shared in shared_rules(policy):
            _Row(shared, loaded.path.name if own else "", changes, form, policy, changeable=changeable)
    rest = "allowed" if policy.default == "allow" else "denied"
    text(f"Everything else is {rest}.", "ts-rules-default", "p")
    _path_rules(hub.settings.paths)


class _Row:
    """One rule: what it does, for which tools, where it stands, and its actions."""

    def __init__(
        self,
        shared: SharedRule,
        file: str,
        changes: RuleChanges,
        form: RuleForm,
        policy: Policy,
        *,
        changeable: bool,
    ) -> None:
        self._shared = shared
        self._changes = changes
        self._policy = policy
        rule = shared.rules[0]
        with box("ts-rule", "li") as row:
            if not shared.on:
                set_classes(row, "ts-rule ts-rule-off")
            with box("ts-rule-words"):
                with box("ts-rule-head"):
                    text(rule.name, "ts-rule-name")
                    if not shared.on:
                        text("Off", "ts-tag")
                words = describe_rule(rule)
                text(f"{words[:1].upper()}{words[1:]}", "", "p", title=", ".join(shared.tools))
                where = (
                    f" · {file}, {_lines(rule.line for rule in shared.rules)}" if file and rule.line else ""
                )
                text(f"For {plain_tools(shared.tools)}{where}", "ts-sub", "p")
            if changeable:
                with box("ts-rule-actions"):
                    if shared.on and fields_of(rule) is not None:
                        _small("Edit", lambda: form.edit(shared.rules), f"Edit: {rule.name}")
                    switch = "Switch off" if shared.on else "Switch on"
                    _small(switch, self._switch, f"{switch}: {rule.name}")
                    _small("Remove", self._remove, f"Remove: {rule.name}")
            self._area = box("ts-preview")
            self._area.set_visibility(False)

    async def _switch(self) -> None:
        on = not self._shared.on

        def change(before: str, name: str, find: FindRule) -> str:
            for rule in self._shared.rules:
                before = with_switched(before, name, find(rule), on=on)
            return before

        state = "on" if on else "off"
        await self._preview(change, f"Switch it {state}", f"The rule is switched {state}.", loses=not on)

    async def _remove(self) -> None:
        def change(before: str, name: str, find: FindRule) -> str:
            for rule in self._shared.rules:  # each of another tool
                before = without_rule(before, name, find(rule))
            return before

        await self._preview(change, "Remove the rule", "The rule is removed.", loses=self._shared.on)

    async def _preview(self, change: Change, yes: str, done: str, *, loses: bool) -> None:
        also = _afterwards(self._policy, self._shared) if loses else ""
        try:
            await self._changes.preview(self._area, change, yes=yes, done=done, also=also, then=lambda: None)
        except TokenSaverError as error:
            show_error(error)


def _small(words: str, act: object, label: str) -> None:
    button(words, act, look="quiet", label=label).classes("ts-btn-small")  # type: ignore[arg-type]


def _afterwards(policy: Policy, shared: SharedRule) -> str:
    """Return what holds for tools that have no other rule; empty if each has one."""
    if policy.tools.get(EVERY_TOOL) and EVERY_TOOL not in shared.tools:
        return ""
    free = [tool for tool in shared.tools if set(policy.tools.get(tool, ())) <= set(shared.rules)]
    return f"After this, no rule limits {plain_tools(free)}." if free else ""


def _lines(lines: Iterable[int]) -> str:
    numbers = [str(line) for line in lines]
    return f"line {numbers[0]}" if len(numbers) == 1 else f"lines {', '.join(numbers)}"


def _own_file_offer(hub: Hub) -> None:
    """Say that the app's own rules apply, and offer to copy them into a file of the user's."""

    async def create() -> None:
        active = await asyncio.to_thread(read_policy_text, hub.folders)
        start = await asyncio.to_thread(first_policy, hub.folders)
        if await run_action(asyncio.to_thread(write_policy, hub.folders, start, active[1]), "Created."):
            hub.gate.file.current()

    text(
        f"These are the app's own rules. Your first change creates {hub.folders.policy_file}, which starts "
        "with the same rules and replaces them.",
        "ts-sub",
        "p",
    )
    with box("ts-actions"):
        button("Create policy.yaml", create, icon="note_add")


def _path_rules(paths: PathsSettings) -> None:
    with box("ts-path-rules"):
        text("Files", tag="h3")
        text("These rules come first, and hold for every tool.", "ts-sub", "p")
        with box("", "ul"):
            for _, words in path_rules(paths):
                with box("ts-rule", "li"):
                    text(f"{words[:1].upper()}{words[1:]}.")
        link("/settings#settings-files", "ts-more", "Change these lists in Settings")
