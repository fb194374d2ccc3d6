"""Parser for Intercept's YAML: the full form, and the short form used in its catalogue.

Published description: https://github.com/PolicyLayer/Intercept (POLICY.md). The short form omits names and
writes a limit as ``rate_limit: {max: 30, window: 60}``, with the window in seconds. ``call.files`` in a
condition's path is this app's extension: the number of files a call would write (or read, if it writes none).
So is ``enabled: false``, which switches a rule off and keeps it in the file.
"""

import re
from typing import cast

from server.policy.rules.document import Located, Mapping, Scalar, broken, plain
from server.policy.rules.schema import WINDOWS, Reader
from server.policy.values import (
    APPROVAL_SECONDS,
    EVERY_TOOL,
    GLOBAL_SCOPE,
    Action,
    Condition,
    Counter,
    Policy,
    Rule,
    Window,
)

_TOP = ("version", "description", "default", "hide", "tools")
_RULE = (
    "name",
    "action",
    "conditions",
    "on_deny",
    "rate_limit",
    "state",
    "approval_timeout",
    "enabled",
)
_ACTIONS: tuple[Action, ...] = ("evaluate", "allow", "deny", "require_approval")
_RATE = re.compile(r"\s*([0-9]{1,12})\s*/\s*([a-z]+)\s*")


def parse_intercept(document: Located, name: str) -> Policy:
    """Parse a document in Intercept's format.

    Raises:
        SettingsError: the document violates the format. The message gives the line.
    """
    return _Parser(Reader(name)).policy(document)


class _Parser:
    def __init__(self, reader: Reader) -> None:
        self._read = reader
        self._short = False
        self._off: list[Rule] = []

    def policy(self, document: Located) -> Policy:
        top = self._read.mapping(document, "the policy", _TOP)
        remark = self._read.version(top)
        if "tools" not in top.entries:
            raise broken(self._read.name, top.line, "tools is missing (it may be empty: {})")
        tools = {
            tool: self._tool(tool, entry)
            for tool, entry in self._read.mapping(top.entries["tools"], "tools").entries.items()
        }
        self._check_counters(tools)
        default, description = top.entries.get("default"), top.entries.get("description")
        return Policy(
            format="intercept short form" if self._short else "intercept",
            default="allow" if default is None else self._read.default(default),
            hide=self._read.hide(top.entries.get("hide")),
            tools=tools,
            off=tuple(self._off),
            description=""
            if description is None
            else self._read.text(description, "description", empty=True),
            remark=remark,
        )

    def _tool(self, tool: str, entry: Located) -> tuple[Rule, ...]:
        if not tool.strip():
            raise broken(self._read.name, entry.line, "a tool's name must not be empty")
        entries = self._read.mapping(entry, f"the tool {tool}", ("rules",)).entries
        if "rules" not in entries:
            raise broken(self._read.name, entry.line, f"{tool} has no rules (they may be empty: [])")
        rules: list[Rule] = []
        for number, item in enumerate(self._read.sequence(entries["rules"], "rules"), start=1):
            rule = self._rule(tool, item, number)
            if not self._enabled(item):
                self._off.append(rule)
                continue
            for other in rules:
                if rule.counter and other.counter and rule.counter.name == other.counter.name:
                    raise broken(
                        self._read.name,
                        rule.line,
                        f'the counter "{rule.counter.name}" is already used by "{other.name}"',
                    )
            rules.append(rule)
        return tuple(rules)

    def _rule(self, tool: str, item: Located, number: int) -> Rule:
        rule = self._read.mapping(item, "a rule", _RULE)
        entries = rule.entries
        action = cast(
            "Action",
            self._read.one_of(entries["action"], "action", _ACTIONS) if "action" in entries else "evaluate",
        )
        conditions = (
            self._read.conditions(entries["conditions"], "conditions") if "conditions" in entries else ()
        )
        self._check_combination(rule, action, conditions)
        counter, limit = self._counter(tool, entries)
        if limit is not None and counter is not None:
            conditions = (Condition(f"state.{counter.scope}.{counter.name}", "lte", limit),)
        if "name" in entries:
            name = self._read.text(entries["name"], "name")
        else:
            name, self._short = f"rule {number}", True
        timeout = entries.get("approval_timeout")
        on_deny = entries.get("on_deny")
        return Rule(
            name=name,
            tool=tool,
            action=action,
            conditions=conditions,
            counter=counter,
            limit=limit,
            on_deny="" if on_deny is None else self._read.text(on_deny, "on_deny", empty=True),
            approval_seconds=APPROVAL_SECONDS
            if timeout is None
            else self._read.duration(timeout, "approval_timeout"),
            line=item.line,
        )

    def _enabled(self, item: Located) -> bool:
        located = item.entries.get("enabled") if isinstance(item, Mapping) else None
        value = True if located is None else plain(located)
        if located is not None and not isinstance(value, bool):
            raise broken(self._read.name, located.line, f"enabled must be true or false, not {value!r}")
        return bool(value)

    def _check_combination(self, rule: Mapping, action: Action, conditions: tuple[Condition, ...]) -> None:
        """Refuse combinations that the format does not define."""
        keys = set(rule.entries)
        problem = ""
        if action == "deny" and keys & {"conditions", "rate_limit", "state"}:
            problem = "a deny rule always denies: it cannot have conditions, rate_limit or state"
        elif "rate_limit" in keys and keys & {"conditions", "state"}:
            problem = "rate_limit cannot be combined with conditions or state; write two rules"
        elif action == "require_approval" and "rate_limit" in keys:
            problem = "require_approval cannot have a rate_limit; write two rules"
        elif action == "allow" and keys & {"conditions", "state"}:
            problem = "an allow rule cannot have conditions or state; use evaluate"
        elif action == "evaluate" and not conditions and "rate_limit" not in keys:
            problem = "an evaluate rule needs at least one condition or a rate_limit"
        elif action != "require_approval" and "approval_timeout" in keys:
            problem = "approval_timeout belongs to require_approval"
        if problem:
            raise broken(self._read.name, rule.line, problem)

    def _counter(self, tool: str, entries: dict[str, Located]) -> tuple[Counter | None, float | None]:
        scope = GLOBAL_SCOPE if tool == EVERY_TOOL else tool
        if (located := entries.get("rate_limit")) is not None:
            window, limit = self._rate_limit(located)
            return Counter(scope, f"_rate_{window}".replace(" ", ""), window), float(limit)
        if (located := entries.get("state")) is None:
            return None, None
        state = self._read.mapping(located, "state", ("counter", "window", "increment", "increment_from"))
        for key in ("counter", "window"):
            if key not in state.entries:
                raise broken(self._read.name, state.line, f"state needs a {key}")
        if {"increment", "increment_from"} <= set(state.entries):
            raise broken(self._read.name, state.line, "increment and increment_from cannot be combined")
        increment, source = state.entries.get("increment"), state.entries.get("increment_from")
        counter = Counter(
            scope=scope,
            name=self._counter_name(state.entries["counter"]),
            window=self._read.window(state.entries["window"], "window", seconds=False),
            increment=1.0 if increment is None else float(self._read.count(increment, "increment")),
            increment_from="" if source is None else self._read.argument_path(source, "increment_from"),
        )
        return counter, None

    def _counter_name(self, located: Located) -> str:
        name = self._read.text(located, "counter")
        if "." in name:
            raise broken(self._read.name, located.line, "a counter's name must not contain a dot")
        return name

    def _rate_limit(self, located: Located) -> tuple[Window, int]:
        if isinstance(located, Mapping):
            self._short = True
            entries = self._read.mapping(located, "rate_limit", ("max", "window")).entries
            for key in ("max", "window"):
                if key not in entries:
                    raise broken(self._read.name, located.line, f"rate_limit needs {key}")
            window = self._read.window(entries["window"], "window", seconds=True)
            return window, self._read.count(entries["max"], "max")
        value = plain(located)
        match = _RATE.fullmatch(value) if isinstance(value, str) else None
        if match is None or match[2] not in WINDOWS:
            raise broken(
                self._read.name,
                located.line,
                f"rate_limit must be like 5/minute, 5/hour or 5/day, not {value!r}",
            )
        limit = self._read.count(Scalar(int(match[1]), located.line), "the count of rate_limit")
        return Window(WINDOWS[match[2]]), limit

    def _check_counters(self, tools: dict[str, tuple[Rule, ...]]) -> None:
        """Refuse conditions on counters never incremented by any rule."""
        rules = [rule for group in tools.values() for rule in group]
        counted = {f"state.{rule.counter.scope}.{rule.counter.name}" for rule in rules if rule.counter}
        for rule in rules:
            for condition in rule.conditions:
                if condition.path.startswith("state.") and condition.path not in counted:
                    raise broken(
                        self._read.name,
                        rule.line,
                        f"{condition.path} is used, but no rule's state counts it",
                    )
