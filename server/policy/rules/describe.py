"""Describes rules in words for the commands and the policy page."""

from collections.abc import Iterator
from typing import Any

from server.config.sections import PathsSettings
from server.policy.rules.add_rule import folder_of
from server.policy.values import Condition, FileFormat, Op, Rule, Window

FORMATS: dict[FileFormat, str] = {
    "intercept": "in the format of Intercept",
    "intercept short form": "in the short format of Intercept",
    "policylayer": "in the format of PolicyLayer",
}
"""Policy file formats."""
_NUMBERS: dict[Op, str] = {
    "eq": "exactly",
    "neq": "a number of files other than",
    "lt": "fewer than",
    "lte": "at most",
    "gt": "more than",
    "gte": "at least",
}
_WORDS: dict[Op, str] = {
    "eq": "is",
    "neq": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "lt": "is less than",
    "lte": "is at most",
    "gt": "is more than",
    "gte": "is at least",
    "regex": "matches the pattern",
    "contains": "contains",
}


def describe_rule(rule: Rule) -> str:
    """Return a description of a rule: ``asks for approval when a call names more than 50 files``."""
    # The limit of a counter has its own wording.
    limited = rule.limit is not None and rule.counter is not None
    spoken = [each for each in rule.conditions if not (limited and each.path.startswith("state."))]
    when = " and ".join(map(_condition, spoken))
    parts = []
    if rule.action == "require_approval":
        parts.append(f"asks for approval{f' when {when}' if when else ''}")
    elif rule.action == "deny":
        parts.append(f"denies{f' when {when}' if when else ''}")
    elif when:
        parts.append(f"allows only when {when}")
    elif not limited:
        parts.append("allows")
    if limited and rule.counter is not None and rule.limit is not None:
        whose = " for each client session" if rule.counter.per_grant else ""
        calls = f"{rule.limit:,.0f} call{'' if rule.limit == 1 else 's'}"
        parts.append(f"allows at most {calls} {_every(rule.counter.window)}{whose}")
    return ", ".join(parts)


def describe_conditions(rule: Rule) -> str:
    """Return only the conditions of a rule: ``it writes into the folder docs``."""
    return " and ".join(map(_condition, rule.conditions))


def path_rules(paths: PathsSettings) -> Iterator[tuple[str, str]]:
    """Yield each path setting that applies in addition to the policy's rules: its key, and what it does."""
    if paths.protect:
        yield "protect", f"asks for approval before writing {', '.join(paths.protect)}"
    else:
        yield "protect", "asks for approval before writing: no files (the list is empty)"
    free = f", except {', '.join(paths.allow)}" if paths.allow else ""
    yield (
        "allow",
        "asks for approval before writing configuration that other programs run, such as .claude, .vscode, "
        f".github and Git hooks{free}",
    )
    allowed = f", except {', '.join(paths.read)}" if paths.read else ""
    yield "read", f"never reads .env, keys and other credential files{allowed}"


def _condition(condition: Condition) -> str:
    path, op, value = condition.path, condition.op, condition.value
    if path == "call.files" and op in _NUMBERS:
        return f"a call would touch {_NUMBERS[op]} {_value(value)} files"
    if folder := folder_of(condition):
        return f"it writes into the folder {folder}"
    subject = path.removeprefix("args.")
    if path.startswith("state."):
        subject = f"the count {path.removeprefix('state.').replace('_global', 'every tool', 1)}"
    elif path == "call.files":
        subject = "the number of files"
    if op == "exists":
        return f"{subject} is {'given' if value else 'not given'}"
    return f"{subject} {_WORDS[op]} {_value(value)}"


def _every(window: Window) -> str:
    return {60: "a minute", 3600: "an hour", 86400: "a day"}.get(window.seconds, f"in {window}")


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value}"
