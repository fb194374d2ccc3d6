"""Adds a rule to the text of the user's policy file. Everything else in the text stays as it is."""

import codecs
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PureWindowsPath
from typing import Literal, TypeGuard

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from server.common.atomic_write import PRIVATE, replace_file
from server.common.errors import BadArguments, FileChanged, SettingsError
from server.config.folders import Folders
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.policy_file import SHIPPED, read_policy_text
from server.policy.rules.policy_lines import end_of, quoted, split_ending, value_of, with_lines
from server.policy.values import Condition, Policy, Rule

STEP = 2
"""Indentation of new lines, relative to the line above (spaces)."""
BY_HAND = "Add the rule by hand."
SUCH_AS = "Enter a folder in the project, such as docs."
EMPTY = 'version: "1"\ntools: {}\n'
"""A policy without rules."""
HEADING = "# Your rules for Claude. They replace the app's own rules, with which this file started.\n"


@dataclass(frozen=True)
class NewRule:
    """A rule to add. ``condition`` is None if the rule applies to every call of the tool.

    ``rate_limit`` is a limit such as ``30/minute``; such a rule evaluates and has no condition. ``name`` is
    the reason if empty. ``approval_seconds`` is how long a question waits; None for the default.
    """

    tool: str
    action: Literal["evaluate", "deny", "require_approval"]
    reason: str
    condition: Condition | None = None
    rate_limit: str = ""
    name: str = ""
    approval_seconds: float | None = None

    @property
    def lines(self) -> list[str]:
        """The rule as lines of YAML, without indentation."""
        lines = [f"- name: {quoted(self.name or self.reason)}"]
        if self.action != "evaluate":
            lines.append(f"  action: {self.action}")
        if self.rate_limit:
            lines.append(f"  rate_limit: {self.rate_limit}")
        if self.condition is not None:
            value = self.condition.value
            lines += [
                "  conditions:",
                f"    - path: {self.condition.path}",
                f"      op: {self.condition.op}",
                f"      value: {quoted(value) if isinstance(value, str) else value}",
            ]
        lines.append(f"  on_deny: {quoted(self.reason)}")
        if self.approval_seconds is not None and self.action == "require_approval":
            lines.append(f"  approval_timeout: {self.approval_seconds:.0f}s")
        return lines


def writes_into(given: str) -> Condition:
    """Return the condition that a call writes into a folder of the project, or into a folder below it.

    Rules see outputs relative to the project (``PathResolver``), so the folder is written in that form.

    Raises:
        BadArguments: no output can be in the folder.
    """
    spelled = given.strip().replace("\\", "/")
    if not spelled:
        raise BadArguments("The folder is missing.", SUCH_AS)
    if spelled.startswith(("/", "~")) or PureWindowsPath(spelled).drive:
        raise BadArguments(f"{given.strip()} is not relative to the project.", SUCH_AS)
    if ".." in spelled.split("/"):
        raise BadArguments('A folder in the project does not contain "..".', SUCH_AS)
    if "*" in spelled or "?" in spelled:
        raise BadArguments(f"{given.strip()} is a pattern.", SUCH_AS)
    folder = posixpath.normpath(spelled)
    if folder == ".":
        raise BadArguments("This is the project itself.", SUCH_AS)
    return Condition("args.output", "regex", f"^{re.escape(folder)}/")


def folder_of(condition: Condition) -> str:
    """Return the folder of a condition that ``writes_into`` made; empty for other conditions."""
    if condition.path != "args.output" or condition.op != "regex":
        return ""
    folder = re.sub(r"\\(.)", r"\1", str(condition.value).removeprefix("^").removesuffix("/"))
    return folder if f"^{re.escape(folder)}/" == condition.value else ""


def policy_with(text: str, name: str, rule: NewRule) -> str:
    """Return the text of a policy file with one more rule, as the last one of its tool.

    Raises:
        BadArguments: the rule has no reason, or the file is not written so that a rule can be added.
        SettingsError: the file or the rule is invalid.
    """
    if not rule.reason.strip():
        raise BadArguments("The rule has no reason.", "Enter a reason. You and Claude will see it.")
    before = parse_policy(text, name)
    if name.endswith(".json") or before.format == "policylayer":
        raise BadArguments(f"{name} is not YAML in the format of Intercept.", BY_HAND)
    parse_policy(_inserted(EMPTY, rule), "The rule")
    changed = _inserted(text, rule)
    try:
        fits = _differs_only_by(before, parse_policy(changed, name), rule)
    except SettingsError:  # the text and the rule are valid, so the place of the rule is wrong
        fits = False
    if not fits:
        raise BadArguments(f"{name} is written in a way that this form cannot change.", BY_HAND)
    return changed


def first_policy(folders: Folders) -> str:
    """Return the text of the user's first ``policy.yaml``: the app's own rules.

    Raises:
        BadArguments: the user already has a policy file.
        SettingsError: a policy file exists, but cannot be read.
    """
    path, text = read_policy_text(folders)
    if path != SHIPPED:
        raise BadArguments(f"{path} already exists.", "Edit that file.")
    return HEADING + "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def write_policy(folders: Folders, text: str, expected: str) -> None:
    """Write ``policy.yaml``, readable only by the user. A byte order mark is kept.

    Raises:
        FileChanged: the text of the active file is no longer ``expected``.
        SettingsError: the new text is invalid, or the file cannot be written.
    """
    parse_policy(text, folders.policy_file.name)
    if read_policy_text(folders)[1] != expected:
        raise FileChanged(f"{folders.policy_file} has changed in the meantime.", "Look at the rule again.")
    path = folders.policy_file
    try:
        marked = path.exists() and path.read_bytes().startswith(codecs.BOM_UTF8)
        replace_file(path, text.encode("utf-8-sig" if marked else "utf-8"), mode=PRIVATE)
    except OSError as error:
        raise SettingsError(
            f"{folders.policy_file} cannot be written: {error}.", "Check the folder's permissions."
        ) from None


def _inserted(text: str, rule: NewRule) -> str:
    """Return the text with the lines of the rule at the end of the tool's rules.

    Raises:
        BadArguments: the rules are written in brackets.
    """
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    tools = value_of(top, "tools")
    tool = value_of(tools, rule.tool)
    rules = value_of(tool, "rules")
    lines = text.splitlines(keepends=True)
    if isinstance(rules, SequenceNode) and rules.value and not rules.flow_style:
        return with_lines(lines, end_of(rules.value[-1]), rules.start_mark.column, rule.lines)
    if isinstance(rules, SequenceNode) and _is_empty(rules) and _is_block(tool):
        indent = tool.start_mark.column + STEP
        at = _emptied(lines, rules)
        return with_lines(lines, at, indent, rule.lines)
    new = [
        f"{quoted(rule.tool)}:",
        f"{' ' * STEP}rules:",
        *(f"{' ' * 2 * STEP}{line}" for line in rule.lines),
    ]
    if tool is None and _is_block(tools) and tools.value:
        return with_lines(lines, end_of(tools.value[-1][1]), tools.start_mark.column, new)
    if tool is None and isinstance(tools, MappingNode) and _is_empty(tools) and _is_block(top):
        return with_lines(lines, _emptied(lines, tools), STEP, new)
    raise BadArguments("The rules of this tool are written in brackets.", BY_HAND)


def _is_block(node: Node | None) -> TypeGuard[MappingNode]:
    """Return whether a node is a mapping with a line for each key."""
    return isinstance(node, MappingNode) and not node.flow_style


def _is_empty(node: MappingNode | SequenceNode) -> bool:
    """Return whether a node is ``[]`` or ``{}`` on one line."""
    return not node.value and node.start_mark.line == node.end_mark.line


def _emptied(lines: list[str], node: Node) -> int:
    """Remove ``[]`` or ``{}`` from its line. Return the number of the line after it."""
    at = int(node.start_mark.line)
    line, ending = split_ending(lines[at])
    lines[at] = (line[: node.start_mark.column].rstrip() + line[node.end_mark.column :]).rstrip() + ending
    return at + 1


def _differs_only_by(before: Policy, after: Policy, rule: NewRule) -> bool:
    """Return whether the new rule is the only difference, apart from the line numbers of rules."""
    old, new = before.tools.get(rule.tool, ()), after.tools.get(rule.tool, ())
    others = [tool for tool in {*before.tools, *after.tools} if tool != rule.tool]
    same = all(
        _without_lines(before.tools.get(tool, ())) == _without_lines(after.tools.get(tool, ()))
        for tool in others
    )
    conditions = () if rule.condition is None else (rule.condition,)
    counts = rule.rate_limit != ""  # the parser gives a limit a condition of its own
    return (
        same
        and (before.default, before.hide) == (after.default, after.hide)
        and len(new) == len(old) + 1
        and _without_lines(new[:-1]) == _without_lines(old)
        and new[-1].action == rule.action
        and (counts if new[-1].limit is not None else new[-1].conditions == conditions)
    )


def _without_lines(rules: Iterable[Rule]) -> list[Rule]:
    return [replace(rule, line=0) for rule in rules]
