"""Edits for JSON with comments and trailing commas, as written by editors.

Only the addressed entry changes. Comments, order, indentation, line endings and unknown keys are preserved.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_BLANK = re.compile(r"(?:[\s\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_SCALAR = re.compile(r"-?\d[\d.eE+-]*|true|false|null")


class JsonError(ValueError):
    """The text is not JSON, even allowing for comments. ``line`` is 1-based."""

    def __init__(self, what: str, text: str, position: int) -> None:
        self.line = text.count("\n", 0, position) + 1
        super().__init__(f"{what} in line {self.line}")


@dataclass(frozen=True)
class Node:
    """A value and its position. ``members`` holds an object's entries as (key, position of the key, value),
    or a list's entries keyed by index.
    """

    value: Any
    start: int
    end: int
    members: tuple[tuple[str, int, "Node"], ...] = field(default=())

    def member(self, key: str) -> "tuple[int, Node] | None":
        """Return the key's position and its value. As usual in JSON, the last of several equal keys wins."""
        for name, start, node in reversed(self.members):
            if name == key:
                return start, node
        return None


def parse(text: str) -> Node:
    """Parse the whole text.

    Raises:
        JsonError: the text is not JSON.
    """
    start = _skip(text, 0)
    try:
        node = _value(text, start)
    except RecursionError:
        raise JsonError("brackets nested too deeply", text, start) from None
    end = _skip(text, node.end)
    if end != len(text):
        raise JsonError("text after the end", text, end)
    return node


def get_member(text: str, path: tuple[str, ...]) -> Any:
    """Return the value at ``path``, or None if the path does not exist.

    Raises:
        JsonError: the text is not JSON.
    """
    try:
        # The standard library first, because most files are plain JSON and Claude Code's file can have
        # megabytes.
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = parse(text).value if _BLANK.sub("", text) else None
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def set_member(text: str, path: tuple[str, ...], value: Any) -> str:
    """Return the text with the member at ``path`` set, creating missing objects along the path.

    Raises:
        JsonError: the text is not JSON, or a value on the path is not an object.
    """
    if not _BLANK.sub("", text):
        newline = "\r\n" if "\r\n" in text else "\n"
        return text + _dump(_nested(path, value), "", "  ", newline) + newline
    node = parse(text)
    for depth, key in enumerate(path):
        if not isinstance(node.value, dict):
            raise JsonError(f"{'.'.join(path[:depth]) or 'the file'} is not an object", text, node.start)
        found = node.member(key)
        if found is None:
            changed = _insert(text, node, key, _nested(path[depth + 1 :], value))
            return _checked(changed, text, path, value)
        node = found[1]
    style = _style(text, node.start)
    new = _dump(value, style.indent, style.unit, style.newline)
    if "\n" not in text[node.start : node.end]:
        new = json.dumps(value, ensure_ascii=False)
    return _checked(text[: node.start] + new + text[node.end :], text, path, value)


def append_item(text: str, path: tuple[str, ...], value: Any) -> str:
    """Return the text with ``value`` appended to the list at ``path``, creating the list if it is missing.

    Raises:
        JsonError: the text is not JSON, or the value at ``path`` is not a list.
    """
    found = get_member(text, path)
    if found is None:
        return set_member(text, path, [value])
    node = _at(text, path)
    if node is None or not isinstance(node.value, list):
        raise JsonError(f"{'.'.join(path)} is not a list", text, 0)
    return _checked(_insert(text, node, None, value), text, (*path, str(len(node.value))), value)


def remove_member(text: str, path: tuple[str, ...]) -> str:
    """Return the text without the member (or list item) at ``path``; unchanged if there is none.

    Raises:
        JsonError: the text is not JSON.
    """
    node = _at(text, path[:-1])
    found = node.member(path[-1]) if node is not None else None
    if node is None or found is None:
        return text
    return _checked(_cut(text, node, *found), text, path, None)


def _checked(changed: str, text: str, path: tuple[str, ...], value: Any) -> str:
    """Return ``changed`` if it differs from ``text`` only in the value at ``path`` (None: removed).

    Raises:
        JsonError: anything besides this value differs.
    """
    wanted = parse(text).value
    place = wanted
    for key in path[:-1]:
        place = place.setdefault(key, {})
    last = int(path[-1]) if isinstance(place, list) else path[-1]
    if value is None:
        del place[last]
    elif isinstance(place, list):
        place.append(value)
    else:
        place[last] = value
    if parse(changed).value != wanted:
        raise JsonError(f"{'.'.join(path)} is written in a form that cannot be edited", text, 0)
    return changed


def _at(text: str, path: tuple[str, ...]) -> Node | None:
    node = parse(text) if _BLANK.sub("", text) else None
    for key in path:
        found = node.member(key) if node is not None else None
        node = found[1] if found is not None else None
    return node


def _cut(text: str, parent: Node, start: int, value: Node) -> str:
    """Remove a member along with its comma and line break. Comments stay."""
    comma = _skip(text, value.end)
    followed = text[comma] == ","
    rest = text[value.end : comma] + text[comma + 1 :] if followed else text[value.end :]
    before = next((n.end for _, _, n in reversed(parent.members) if n.end <= start), None)
    if before is None:
        # The only member: the object becomes "{}" if only blanks surround the member.
        inside = rest[: len(rest) - (len(text) - parent.end + 1)]
        if len(parent.members) == 1 and not (text[parent.start + 1 : start] + inside).strip():
            return text[: parent.start + 1] + text[parent.end - 1 :]
    if before is None or (followed and not _is_last(parent, value)):
        return text[:start] + rest.lstrip(" \t\r\n")
    # The last member: remove the comma before it, unless a trailing comma follows it.
    between = text[before:start]
    if not followed:
        at = _skip(between, 0)
        between = between[:at] + between[at + 1 :]
    # A line comment would swallow text joined to its line.
    ends_line = "//" not in between or rest.lstrip(" \t").startswith(("\n", "\r"))
    return text[:before] + (between.rstrip() if ends_line else between) + rest


def _is_last(parent: Node, value: Node) -> bool:
    return parent.members[-1][2] is value


@dataclass(frozen=True)
class _Style:
    indent: str
    unit: str
    newline: str


def _style(text: str, position: int) -> _Style:
    """Return the indentation of the line at ``position``, and the file's indentation unit and line ending."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    first = re.search(r"\n([ \t]+)\S", text)
    return _Style(indent, first.group(1) if first else "  ", "\r\n" if "\r\n" in text else "\n")


def _insert(text: str, parent: Node, key: str | None, value: Any) -> str:
    """Append a member to an object or, if ``key`` is None, an item to a list."""
    style = _style(text, parent.start)
    name = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
    if not parent.members:
        inner = style.indent + style.unit
        entry = f"{inner}{name}{_dump(value, inner, style.unit, style.newline)}"
        body = text[parent.start + 1 : parent.end - 1].rstrip()
        return (
            f"{text[: parent.start + 1]}{body}{style.newline}{entry}{style.newline}{style.indent}"
            f"{text[parent.end - 1 :]}"
        )
    last_key, last = parent.members[-1][1], parent.members[-1][2]
    trailing = re.compile(r"\s*,").match(text, last.end)
    if "\n" not in text[parent.start : last_key]:
        one_line = f"{name}{json.dumps(value, ensure_ascii=False)}"
        position = trailing.end() if trailing else last.end
        return f"{text[:position]}{' ' if trailing else ', '}{one_line}{text[position:]}"
    indent = _style(text, last_key).indent
    entry = f"{style.newline}{indent}{name}{_dump(value, indent, style.unit, style.newline)}"
    if trailing:
        return text[: trailing.end()] + entry + "," + text[trailing.end() :]
    return text[: last.end] + "," + entry + text[last.end :]


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _dump(value: Any, indent: str, unit: str, newline: str) -> str:
    lines = json.dumps(value, indent=unit, ensure_ascii=False).split("\n")
    return (newline + indent).join(lines)


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _value(text: str, start: int) -> Node:
    if start >= len(text):
        raise JsonError("unexpected end", text, start)
    if text[start] == "{":
        return _object(text, start)
    if text[start] == "[":
        items = list(_items(text, start + 1))
        end = _skip(text, items[-1].end if items else start + 1)
        if text[end : end + 1] == ",":
            end = _skip(text, end + 1)
        members = tuple((str(index), item.start, item) for index, item in enumerate(items))
        return Node([item.value for item in items], start, end + 1, members)
    match = _STRING.match(text, start) or _SCALAR.match(text, start)
    if match is None:
        raise JsonError("not a value", text, start)
    try:
        return Node(json.loads(match.group(), strict=False), start, match.end())
    except ValueError:
        raise JsonError("not a value", text, start) from None


def _items(text: str, position: int) -> Iterator[Node]:
    position = _skip(text, position)
    while text[position : position + 1] != "]":
        node = _value(text, position)
        yield node
        position = _next(text, node.end, "]")


def _object(text: str, start: int) -> Node:
    members = []
    position = _skip(text, start + 1)
    while text[position : position + 1] != "}":
        match = _STRING.match(text, position)
        if match is None:
            raise JsonError("a key is missing", text, position)
        colon = _skip(text, match.end())
        if text[colon : colon + 1] != ":":
            raise JsonError("a colon is missing", text, colon)
        node = _value(text, _skip(text, colon + 1))
        members.append((str(json.loads(match.group(), strict=False)), position, node))
        position = _next(text, node.end, "}")
    value = {key: node.value for key, _, node in members}
    return Node(value, start, position + 1, tuple(members))


def _next(text: str, position: int, closing: str) -> int:
    """Return the position of the next element or of the closing bracket."""
    position = _skip(text, position)
    if text[position : position + 1] == closing:
        return position
    if text[position : position + 1] != ",":
        raise JsonError(f"a comma or {closing} is missing", text, position)
    return _skip(text, position + 1)
