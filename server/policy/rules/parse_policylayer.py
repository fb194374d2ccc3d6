"""Parser for PolicyLayer's JSON.

Published description: https://policylayer.com/docs/writing-policies. All ``require`` conditions of a tool
must hold. If a ``deny_if`` condition holds, the call is denied. ``limits`` count calls per client session
(scope ``grant``, the default) or across all clients (``server``).
"""

from server.policy.rules.document import Located, broken
from server.policy.rules.schema import Reader
from server.policy.values import (
    EVERY_TOOL,
    GLOBAL_SCOPE,
    Action,
    Condition,
    Counter,
    Policy,
    Rule,
)

_TOP = ("version", "default", "hide", "all_tools", "tools")
_SCOPES = ("grant", "server")


def parse_policylayer(document: Located, name: str) -> Policy:
    """Parse a document in PolicyLayer's format.

    Raises:
        SettingsError: the document violates the format. The message gives the line.
    """
    return _Parser(Reader(name)).policy(document)


class _Parser:
    def __init__(self, reader: Reader) -> None:
        self._read = reader

    def policy(self, document: Located) -> Policy:
        top = self._read.mapping(document, "the policy", _TOP)
        remark = self._read.version(top)
        if "default" not in top.entries:
            raise broken(self._read.name, top.line, "default is missing: allow or deny")
        tools: dict[str, tuple[Rule, ...]] = {}
        if (listed := top.entries.get("tools")) is not None:
            for tool, entry in self._read.mapping(listed, "tools").entries.items():
                if tool == EVERY_TOOL or not tool.strip():
                    raise broken(self._read.name, entry.line, "limits of every tool belong to all_tools")
                tools[tool] = self._tool(tool, entry)
        if (every := top.entries.get("all_tools")) is not None:
            entries = self._read.mapping(every, "all_tools", ("limits",)).entries
            if "limits" in entries:
                tools[EVERY_TOOL] = self._limits(EVERY_TOOL, entries["limits"])
        return Policy(
            format="policylayer",
            default=self._read.default(top.entries["default"]),
            hide=self._read.hide(top.entries.get("hide")),
            tools=tools,
            remark=remark,
        )

    def _tool(self, tool: str, entry: Located) -> tuple[Rule, ...]:
        entries = self._read.mapping(entry, f"the tool {tool}", ("require", "deny_if", "limits")).entries
        rules: list[Rule] = []
        for key in ("require", "deny_if"):
            if key in entries:
                for item in self._read.sequence(entries[key], key):
                    condition = self._condition(item)
                    action: Action = "evaluate" if key == "require" else "deny"
                    rules.append(
                        Rule(f"{key} {condition}", tool, action, conditions=(condition,), line=item.line)
                    )
        limits = self._limits(tool, entries["limits"]) if "limits" in entries else ()
        return (*rules, *limits)

    def _condition(self, item: Located) -> Condition:
        condition = self._read.condition(item)
        if condition.path.startswith("state."):
            raise broken(self._read.name, item.line, "counters are not supported here; use limits")
        return condition

    def _limits(self, tool: str, located: Located) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        for item in self._read.sequence(located, "limits"):
            rule = self._limit(tool, item)
            if any(rule.name == other.name for other in rules):
                raise broken(self._read.name, item.line, f'the counter "{rule.name}" is used twice')
            rules.append(rule)
        return tuple(rules)

    def _limit(self, tool: str, item: Located) -> Rule:
        entries = self._read.mapping(item, "a limit", ("counter", "window", "max", "scope")).entries
        for key in ("counter", "window", "max"):
            if key not in entries:
                raise broken(self._read.name, item.line, f"the limit's {key} is missing")
        name = self._read.text(entries["counter"], "counter")
        if "." in name:
            raise broken(self._read.name, entries["counter"].line, "a counter's name must not contain a dot")
        scope = self._read.one_of(entries["scope"], "scope", _SCOPES) if "scope" in entries else "grant"
        counter = Counter(
            scope=GLOBAL_SCOPE if tool == EVERY_TOOL else tool,
            name=name,
            window=self._read.window(entries["window"], "window", seconds=True),
            per_grant=scope == "grant",
        )
        limit = self._read.count(entries["max"], "max")
        condition = Condition(f"state.{counter.scope}.{counter.name}", "lte", float(limit))
        return Rule(
            name=name,
            tool=tool,
            conditions=(condition,),
            counter=counter,
            limit=float(limit),
            line=item.line,
        )
