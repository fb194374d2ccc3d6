"""Removes, replaces and switches off rules in the text of the user's policy file. All other text stays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from server.common.errors import BadArguments, SettingsError
from server.policy.rules.add_rule import NewRule
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.document import parse_document, plain
from server.policy.rules.policy_lines import end_of, split_ending, value_of, with_lines
from server.policy.values import Policy, Rule

CHANGE_BY_HAND = "Change the rule by hand."


@dataclass(frozen=True)
class RulePlace:
    """A rule in the file: its tool, and its number among the tool's rules there, from 0."""

    tool: str
    number: int


def can_change(name: str, policy: Policy) -> bool:
    """Return whether rules of the file can be changed here: only YAML in the format of Intercept."""
    return not name.endswith(".json") and policy.format != "policylayer"


def place_of(text: str, rule: Rule) -> RulePlace:
    """Return where a rule of this text is.

    Raises:
        BadArguments: the rule is not there.
    """
    rules = _rules(text, rule.tool)
    for number, node in enumerate(rules.value if rules is not None else ()):
        if node.start_mark.line + 1 == rule.line:
            return RulePlace(rule.tool, number)
    raise BadArguments("The rule is no longer in the file.", "Look at the rules again.")


def without_rule(text: str, name: str, place: RulePlace) -> str:
    """Return the text without a rule. A tool keeps its entry, also without rules.

    Raises:
        BadArguments: the file is written in a way that cannot be changed here.
        SettingsError: the other rules are invalid without this one.
    """
    rules, node = _found(text, place)
    lines = text.splitlines(keepends=True)
    first, last = node.start_mark.line, end_of(node)
    if len(rules.value) > 1:
        changed = "".join([*lines[:first], *lines[last:]])
    else:
        del lines[first:last]
        changed = _emptied(lines, text, place.tool)

    def remove(data: list[Any]) -> None:
        del data[place.number]

    return _verified(text, changed, name, place, remove)


def with_replaced(text: str, name: str, place: RulePlace, rule: NewRule) -> str:
    """Return the text with other lines for a rule.

    Raises:
        BadArguments: the rule has no reason, or the file is written in a way that cannot be changed here.
        SettingsError: the new rule is invalid.
    """
    if not rule.reason.strip():
        raise BadArguments("The rule has no reason.", "Enter a reason. You and Claude will see it.")
    rules, node = _found(text, place)
    lines = text.splitlines(keepends=True)
    first = node.start_mark.line
    ending = split_ending(lines[end_of(node) - 1])[1]
    del lines[first : end_of(node)]
    changed = with_lines(lines or [ending], first, rules.start_mark.column, rule.lines)
    new = plain(parse_document("\n".join(rule.lines), name))[0]

    def replace(data: list[Any]) -> None:
        data[place.number] = new

    return _verified(text, changed, name, place, replace)


def with_switched(text: str, name: str, place: RulePlace, *, on: bool) -> str:
    """Return the text with a rule switched on or off. A rule that is off keeps its lines.

    Raises:
        BadArguments: the file is written in a way that cannot be changed here.
        SettingsError: the rules are invalid after the change.
    """
    _, node = _found(text, place)
    lines = text.splitlines(keepends=True)
    flag = next((value for key, value in node.value if key.value == "enabled"), None)
    if flag is not None and flag.start_mark.line != node.start_mark.line:
        del lines[flag.start_mark.line]
    changed = "".join(lines)
    if not on:
        at = end_of(node) - (flag is not None)
        changed = with_lines(lines, at, node.start_mark.column, ["enabled: false"])

    def switch(data: list[Any]) -> None:
        data[place.number].pop("enabled", None)
        if not on:
            data[place.number]["enabled"] = False

    return _verified(text, changed, name, place, switch)


def _rules(text: str, tool: str) -> SequenceNode | None:
    rules = value_of(value_of(value_of(yaml.compose(text, Loader=yaml.SafeLoader), "tools"), tool), "rules")
    return rules if isinstance(rules, SequenceNode) else None


def _found(text: str, place: RulePlace) -> tuple[SequenceNode, MappingNode]:
    rules = _rules(text, place.tool)
    node: Node | None = None
    if rules is not None and not rules.flow_style and place.number < len(rules.value):
        node = rules.value[place.number]
    if rules is None or not isinstance(node, MappingNode) or node.flow_style:
        raise BadArguments("The rules of this tool are written in brackets.", CHANGE_BY_HAND)
    return rules, node


def _emptied(lines: list[str], text: str, tool: str) -> str:
    """Write ``[]`` after the key ``rules`` of a tool, whose only rule is no longer in ``lines``."""
    entry = value_of(value_of(yaml.compose(text, Loader=yaml.SafeLoader), "tools"), tool)
    pairs = entry.value if isinstance(entry, MappingNode) else ()
    key = next(key for key, _ in pairs if key.value == "rules")
    at, column = key.end_mark.line, key.end_mark.column
    before, colon, after = lines[at][column:].partition(":")
    lines[at] = f"{lines[at][:column]}{before}{colon} []{after}"
    return "".join(lines)


def _verified(
    text: str, changed: str, name: str, place: RulePlace, change: Callable[[list[Any]], None]
) -> str:
    """Return the changed text, after a check that nothing but this rule is different."""
    expected = plain(parse_document(text, name))
    change(expected["tools"][place.tool]["rules"])
    try:
        fits = plain(parse_document(changed, name)) == expected
    except SettingsError:  # the text was valid, so its form is one that the change does not expect
        fits = False
    if not fits:
        raise BadArguments(f"{name} is written in a way that cannot be changed here.", CHANGE_BY_HAND)
    parse_policy(changed, name)
    return changed
