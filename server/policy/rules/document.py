"""Parses a policy file in YAML or JSON into plain values with line numbers.

YAML is limited to the features of JSON (no tags, nested aliases or merge keys), and words are read as in
YAML 1.2: ``no`` and ``2024-01-01`` are text. Both parsers refuse files much larger than any real policy.
"""

import bisect
import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined] # missing from the type stubs
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from server.common.errors import SettingsError

MOST_BYTES = 256 * 1024
MOST_NODES = 50_000
MOST_DEPTH = 32


@dataclass(frozen=True)
class Scalar:
    """A string, number, boolean or null."""

    value: str | int | float | bool | None
    line: int


@dataclass(frozen=True)
class Sequence:
    """A list of values."""

    items: tuple["Located", ...]
    line: int


@dataclass(frozen=True)
class Mapping:
    """An object. ``entries`` keeps the order of the file. Keys are unique."""

    entries: dict[str, "Located"]
    line: int
    key_lines: dict[str, int]


Located = Scalar | Sequence | Mapping


def parse_document(text: str, name: str) -> Located:
    """Parse a YAML or JSON text. ``name`` is the file's name, for errors.

    Raises:
        SettingsError: the text is neither YAML nor JSON, or uses a refused feature. The message gives the
        line.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise broken(name, 1, f"the file is larger than {MOST_BYTES // 1024} KiB")
    if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return _Json(text.lstrip("\ufeff"), name).parse()
    return _parse_yaml(text, name)


def broken(name: str, line: int, what: str) -> SettingsError:
    """Return an error for a problem on this line of the file."""
    return SettingsError(f"{name}, line {line}: {what}.", f"Fix line {line}.")


def plain(located: Located) -> Any:
    """Return the value without line numbers."""
    match located:
        case Scalar(value):
            return value
        case Sequence(items):
            return [plain(item) for item in items]
        case Mapping(entries):
            return {key: plain(value) for key, value in entries.items()}


class _Loader(yaml.SafeLoader):
    """Reads plain words as in YAML 1.2: everything except true, false, null and numbers is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the library's


_CORE = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN"),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?(?:0|[1-9][0-9]{0,17})", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:(?:\.[0-9]{1,30}|[0-9]{1,30}\.[0-9]{0,30})(?:[eE][-+]?[0-9]{1,3})?|[0-9]{1,30}[eE][-+]?[0-9]{1,3})",
        "-+.0123456789",
    ),
)
for _tag, _pattern, _first in _CORE:
    _starts = [*_first, ""] if _tag.endswith("null") else list(_first)
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), _starts)
_SCALARS = {"null", "bool", "int", "float", "str"}


def _parse_yaml(text: str, name: str) -> Located:
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise broken(name, 1, f"not readable as text ({_first_line(error)})") from None
    try:
        node = loader.get_single_node()
        if node is None:
            raise broken(name, 1, "the file is empty")
        return _Yaml(loader, name).located(node, 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "bad syntax"
        raise broken(name, mark.line + 1 if mark else 1, f"not valid YAML: {problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise broken(name, 1, f"not valid YAML: {_first_line(error)}") from None
    except RecursionError:
        raise broken(name, 1, "nested too deeply") from None
    finally:
        loader.dispose()


class _Yaml:
    def __init__(self, loader: _Loader, name: str) -> None:
        self._loader = loader
        self._name = name
        self._nodes = 0

    def located(self, node: Node, depth: int) -> Located:
        line = node.start_mark.line + 1
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > MOST_DEPTH:
            raise broken(self._name, line, "too many or too deeply nested values")
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        match node:
            case ScalarNode() if kind in _SCALARS:
                return Scalar(self._scalar(node, kind), line)
            case SequenceNode() if kind == "seq":
                return Sequence(tuple(self.located(each, depth + 1) for each in node.value), line)
            case MappingNode() if kind == "map":
                return self._mapping(node, depth)
        raise broken(self._name, line, f"the tag {node.tag} is not allowed")

    def _mapping(self, node: MappingNode, depth: int) -> Mapping:
        entries: dict[str, Located] = {}
        key_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise broken(self._name, line, "a key must be text")
            key = str(key_node.value)
            if key in entries:
                raise broken(self._name, line, f'the key "{key}" occurs twice')
            entries[key] = self.located(value_node, depth + 1)
            key_lines[key] = line
        return Mapping(entries, node.start_mark.line + 1, key_lines)

    def _scalar(self, node: ScalarNode, kind: str) -> str | int | float | bool | None:
        # Explicit tags (`!!int abc`) also end up here, possibly with unsuitable text.
        text = str(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text)
        return float(text) if kind == "float" else text


class _Json:
    """A JSON parser that tracks lines. The standard library's scanner reads the strings."""

    _SPACE = re.compile(r"[ \t\r\n]*")
    _NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
    _WORDS = (("true", True), ("false", False), ("null", None))

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._at = 0
        self._nodes = 0
        self._line_ends = [match.start() for match in re.finditer("\n", text)]

    def parse(self) -> Located:
        value = self._value(0)
        if self._peek():
            raise self._bad("unexpected text after the end")
        return value

    def _value(self, depth: int) -> Located:
        start = self._peek()
        line = self._line()
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > MOST_DEPTH:
            raise self._bad("too many or too deeply nested values")
        if start == "{":
            return self._mapping(line, depth)
        if start == "[":
            return self._sequence(line, depth)
        if start == '"':
            return Scalar(self._string(), line)
        for word, value in self._WORDS:
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return Scalar(value, line)
        return Scalar(self._number(), line)

    def _mapping(self, line: int, depth: int) -> Mapping:
        entries: dict[str, Located] = {}
        key_lines: dict[str, int] = {}
        self._at += 1
        while self._peek() != "}":
            if entries:
                self._expect(",")
            if self._peek() != '"':
                raise self._bad("a key in double quotes is missing")
            key_line = self._line()
            key = self._string()
            if key in entries:
                raise self._bad(f'the key "{key}" occurs twice')
            self._expect(":")
            entries[key] = self._value(depth + 1)
            key_lines[key] = key_line
        self._at += 1
        return Mapping(entries, line, key_lines)

    def _sequence(self, line: int, depth: int) -> Sequence:
        items: list[Located] = []
        self._at += 1
        while self._peek() != "]":
            if items:
                self._expect(",")
            items.append(self._value(depth + 1))
        self._at += 1
        return Sequence(tuple(items), line)

    def _string(self) -> str:
        try:
            text, self._at = scanstring(self._text, self._at + 1, True)
        except json.JSONDecodeError as error:
            raise self._bad(f"not valid JSON: {error.msg}") from None
        return str(text)

    def _number(self) -> int | float:
        match = self._NUMBER.match(self._text, self._at)
        if match is None or len(match[0]) > 40:
            raise self._bad("not valid JSON: a value is missing or misspelt")
        self._at = match.end()
        return float(match[0]) if match[1] or match[2] else int(match[0])

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise self._bad(f'not valid JSON: "{character}" is missing')
        self._at += 1

    def _peek(self) -> str:
        space = self._SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _line(self) -> int:
        return bisect.bisect_left(self._line_ends, self._at) + 1

    def _bad(self, what: str) -> SettingsError:
        return broken(self._name, self._line(), what)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
