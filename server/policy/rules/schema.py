"""Reads typed values from a parsed policy file. Errors name the line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from server.policy.rules.document import Located, Mapping, Scalar, Sequence, broken, plain
from server.policy.rules.pattern import check_pattern
from server.policy.values import OPS, Condition, Window

WINDOWS = {"minute": 60, "hour": 3600, "day": 86400}
LONGEST_WINDOW = 366 * 86400
LONGEST_APPROVAL = 24 * 3600.0
_NUMERIC_OPS = ("lt", "lte", "gt", "gte")
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h)")
_DURATION_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Reader:
    """Reads values from the file ``name``. Every method can raise ``SettingsError``."""

    name: str

    def mapping(self, located: Located, what: str, keys: Iterable[str] | None = None) -> Mapping:
        """Return ``located`` as an object. Keys not listed in ``keys`` are errors."""
        if not isinstance(located, Mapping):
            raise broken(self.name, located.line, f"{what} must be a mapping of keys to values")
        known = None if keys is None else tuple(keys)
        for key, line in located.key_lines.items():
            if known is not None and key not in known:
                raise broken(self.name, line, f'{what} has no "{key}"; it has {", ".join(known)}')
        return located

    def sequence(self, located: Located, what: str) -> tuple[Located, ...]:
        """Return the items of a list."""
        if not isinstance(located, Sequence):
            raise broken(self.name, located.line, f"{what} must be a list")
        return located.items

    def text(self, located: Located, what: str, *, empty: bool = False) -> str:
        """Return a string. A blank string is an error unless ``empty`` is set."""
        if isinstance(located, Scalar) and isinstance(located.value, str):
            if empty or located.value.strip():
                return located.value
            raise broken(self.name, located.line, f"{what} must not be empty")
        raise broken(self.name, located.line, f"{what} must be text")

    def one_of(self, located: Located, what: str, choices: Iterable[str]) -> str:
        """Return a string that is one of ``choices``."""
        value = plain(located)
        known = tuple(choices)
        if not isinstance(value, str) or value not in known:
            raise broken(self.name, located.line, f"{what} must be {' or '.join(known)}, not {value!r}")
        return value

    def count(self, located: Located, what: str, most: int = 10**12) -> int:
        """Return an integer from 1 to ``most``."""
        value = plain(located)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise broken(self.name, located.line, f"{what} must be a whole number from 1 to {most}")
        return value

    def version(self, top: Mapping) -> str:
        """Check that the file's version is "1". Return a remark if the version is missing, otherwise an empty
        string.
        """
        located = top.entries.get("version")
        if located is None:
            return f'{self.name} has no version; it is read as version: "1".'
        if plain(located) not in ("1", 1) or plain(located) is True:
            raise broken(self.name, located.line, f'version must be "1", not {plain(located)!r}')
        return ""

    def default(self, located: Located) -> Literal["allow", "deny"]:
        """Return the decision for tools that the file does not list."""
        return "deny" if self.one_of(located, "default", ("allow", "deny")) == "deny" else "allow"

    def hide(self, located: Located | None) -> frozenset[str]:
        """Return the hidden tools. Blank and repeated entries are errors."""
        hidden: set[str] = set()
        for item in () if located is None else self.sequence(located, "hide"):
            tool = self.text(item, "an entry of hide")
            if tool in hidden:
                raise broken(self.name, item.line, f'hide names "{tool}" twice')
            hidden.add(tool)
        return frozenset(hidden)

    def window(self, located: Located, what: str, *, seconds: bool) -> Window:
        """Return a window: minute, hour or day or, with ``seconds``, a number of seconds."""
        value = plain(located)
        if isinstance(value, str) and value in WINDOWS:
            return Window(WINDOWS[value])
        if seconds and isinstance(value, int) and not isinstance(value, bool):
            return Window(self.count(located, what, LONGEST_WINDOW))
        also = " or a number of seconds" if seconds else ""
        raise broken(self.name, located.line, f"{what} must be minute, hour or day{also}, not {value!r}")

    def duration(self, located: Located, what: str) -> float:
        """Convert ``30m``, ``90s``, ``1h`` or a number to seconds."""
        value = plain(located)
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match:
            seconds = float(match[1]) * _DURATION_SECONDS[match[2]]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            raise broken(self.name, located.line, f'{what} must look like "30m", not {value!r}')
        if not 0 < seconds <= LONGEST_APPROVAL:
            raise broken(self.name, located.line, f"{what} must be above 0 and at most a day")
        return seconds

    def conditions(self, located: Located, what: str) -> tuple[Condition, ...]:
        """Return a list of conditions."""
        return tuple(self.condition(item) for item in self.sequence(located, what))

    def condition(self, located: Located) -> Condition:
        """Return one condition. Its value must fit its operator."""
        entries = self.mapping(located, "a condition", ("path", "op", "value")).entries
        for key in ("path", "op", "value"):
            if key not in entries:
                raise broken(self.name, located.line, f"the condition's {key} is missing")
        path = self._path(entries["path"])
        name = plain(entries["op"])
        op = next((each for each in OPS if each == name), None)
        if op is None:
            raise broken(
                self.name, entries["op"].line, f"unknown operator {name!r}; there are {', '.join(OPS)}"
            )
        value = plain(entries["value"])
        if (problem := _misfit(op, value)) is not None:
            raise broken(self.name, entries["value"].line, f'the operator "{op}" {problem}')
        return Condition(path, op, tuple(value) if isinstance(value, list) else value)

    def argument_path(self, located: Located, what: str) -> str:
        """Return a path into the call's arguments."""
        path = self.text(located, what)
        if not path.startswith("args.") or "" in path.split("."):
            raise broken(self.name, located.line, f'{what} must be like "args.amount", not {path!r}')
        return path

    def _path(self, located: Located) -> str:
        path = self.text(located, "path")
        parts = path.split(".")
        arguments = parts[0] == "args" and len(parts) >= 2
        state = parts[0] == "state" and len(parts) == 3
        if "" in parts or not (arguments or state or path == "call.files"):
            raise broken(
                self.name,
                located.line,
                f"path must be args.<name>, state.<tool>.<counter> or call.files, not {path!r}",
            )
        return path


def _misfit(op: str, value: Any) -> str | None:
    """Return what is wrong with an operator's value; None if it fits."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if op in ("in", "not_in"):
        return None if isinstance(value, list) else "needs a list"
    if op in _NUMERIC_OPS:
        return None if number else "needs a number"
    if op == "exists":
        return None if isinstance(value, bool) else "needs true or false"
    if op == "regex":
        return check_pattern(value) if isinstance(value, str) else "needs a string"
    if isinstance(value, list | dict) or value is None:
        return "needs a single value: a string, a number, true or false"
    return None
