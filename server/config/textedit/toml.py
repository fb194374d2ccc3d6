"""Edits to one key or table of a TOML file that preserve every other byte, including comments."""

import copy
import io
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BOM = "\ufeff"


class TomlError(ValueError):
    """The text is not TOML, or is written in a form that cannot be edited safely."""


def get_table(text: str, path: tuple[str, ...]) -> Any:
    """Return the value at ``path``, or None if the path does not exist.

    Raises:
        TomlError: the text is not TOML.
    """
    return _lookup(_load(text.removeprefix(_BOM)), path)


def set_key(text: str, table: tuple[str, ...], key: str, value: Any) -> str:
    """Return the text with ``key`` of ``table`` (empty: the top level) set to ``value``. None removes the
    key.

    Raises:
        TomlError: the text is not TOML, or the key is written in a form that cannot be edited safely.
    """
    bom, body = _split_bom(text)
    newline = _newline(body)
    line = "" if value is None else f"{_write_key(key)} = {_write_value(value)}{newline}"
    return bom + _checked(_place_key(body, table, key, line, newline), body, (*table, key), value)


def set_table(text: str, path: tuple[str, ...], values: dict[str, Any]) -> str:
    """Return the text with the table at ``path`` set to ``values``.

    Raises:
        TomlError: the text is not TOML, or the table is written inline.
    """
    bom, body = _split_bom(text)
    newline = _newline(body)
    lines = [_header(path), *(f"{_write_key(key)} = {_write_value(each)}" for key, each in values.items())]
    block = newline.join(lines) + newline
    if _lookup(_load(body), path) is None:
        changed = body + _gap(body, newline) + block
    else:
        start, end = _table_span(body, path)
        changed = body[:start] + block + body[end:]
    return bom + _checked(changed, body, path, values)


def remove_table(text: str, path: tuple[str, ...]) -> str:
    """Return the text without the table at ``path`` and its sub-tables; unchanged if there is no such table.

    Raises:
        TomlError: the text is not TOML, or the table is written inline.
    """
    bom, body = _split_bom(text)
    if _lookup(_load(body), path) is None:
        return text
    start, end = _table_span(body, path)
    before, after = body[:start], body[end:]
    if not after.strip():
        # Also remove the blank line that separated the table.
        before = re.sub(r"(\r?\n)\r?\n$", r"\1", before)
    return bom + _checked(before + after, body, path, None)


@dataclass(frozen=True)
class _Statement:
    """A header, or a key and its value, as a range of the text.

    Attributes:
        table: the table that contains the statement, or the table that the header opens.
        keys: the parts of a key (more than one if it is dotted); empty for a header.
    """

    start: int
    end: int
    table: tuple[str, ...]
    keys: tuple[str, ...]


def _statements(text: str) -> Iterator[_Statement]:
    """Yield headers and keys in order. Values may span lines. Blank lines and comments are skipped."""
    table: tuple[str, ...] = ()
    start = position = 0
    for line in io.StringIO(text, newline="\n"):
        position += len(line)
        pending = text[start:position]
        try:
            parsed = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # the value continues on the next line
        if pending == line and line.lstrip().startswith("["):
            table = _header_path(parsed)
            yield _Statement(start, position, table, ())
        elif parsed:
            name, value = next(iter(parsed.items()))
            dotted = isinstance(value, dict) and "." in pending.partition("=")[0]
            yield _Statement(start, position, table, (name, *value) if dotted else (name,))
        start = position


def _header_path(parsed: Any) -> tuple[str, ...]:
    """Return the path that a header opens, given a document consisting only of that header."""
    path: tuple[str, ...] = ()
    while parsed:
        key, parsed = next(iter(parsed.items()))
        path = (*path, key)
        parsed = parsed[0] if isinstance(parsed, list) else parsed
    return path


def _table_span(text: str, path: tuple[str, ...]) -> tuple[int, int]:
    """Return the range of a table and its sub-tables, up to the end of the last key."""
    start = end = -1
    for each in _statements(text):
        if each.table[: len(path)] == path:
            start = each.start if start < 0 else start
            end = each.end
        elif start >= 0:
            break
    if start < 0:
        raise TomlError(f"{'.'.join(path)} is not written as a separate table")
    return start, end


def _place_key(text: str, table: tuple[str, ...], key: str, line: str, newline: str) -> str:
    """Replace the key's statement, or add it after the last statement in its table. An empty ``line`` removes
    the key.
    """
    inside = [each for each in _statements(text) if each.table == table]
    for each in inside:
        if each.keys == (key,):
            return text[: each.start] + line + text[each.end :]
    if not line:
        return text
    if inside:
        at = inside[-1].end
        gap = "" if text[:at].endswith("\n") else newline
        return text[:at] + gap + line + text[at:]
    if not table:
        return line + (newline if text.strip() else "") + text
    return f"{text}{_gap(text, newline)}{_header(table)}{newline}{line}"


def _checked(changed: str, before: str, path: tuple[str, ...], value: Any) -> str:
    """Return ``changed`` if it differs from ``before`` only in the value at ``path``.

    Raises:
        TomlError: one of the two is not TOML, or anything besides this value differs.
    """
    wanted = _with_value(_load(before), path, value)
    found = _load(changed)
    if value is None:  # a parent table may disappear together with its last key
        _drop_empty(wanted, path[:-1])
        _drop_empty(found, path[:-1])
    if found != wanted:
        raise TomlError(f"{'.'.join(path)} is written in a form that cannot be edited")
    return changed


def _with_value(document: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    wanted = copy.deepcopy(document)
    parent: Any = wanted
    for part in path[:-1]:
        if isinstance(parent, dict):
            parent = parent.get(part, {}) if value is None else parent.setdefault(part, {})
    if not isinstance(parent, dict):
        raise TomlError(f"{'.'.join(path[:-1])} is not a table")
    if value is None:
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = json.loads(json.dumps(value))  # tuples are read back as lists
    return wanted


def _drop_empty(document: dict[str, Any], path: tuple[str, ...]) -> None:
    for depth in range(len(path), 0, -1):
        if _lookup(document, path[:depth]) == {}:
            _lookup(document, path[: depth - 1]).pop(path[depth - 1])


def _lookup(document: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _load(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)) from None


def _split_bom(text: str) -> tuple[str, str]:
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _gap(text: str, newline: str) -> str:
    """Return the line breaks needed between a new table and the text before it."""
    return "" if not text.strip() else newline if text.endswith("\n") else newline * 2


def _header(path: tuple[str, ...]) -> str:
    return f"[{'.'.join(map(_write_key, path))}]"


def _write_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _write_value(value: Any) -> str:
    """Return a value as single-line TOML.

    JSON string syntax is valid TOML, except for control characters, which do not occur in paths.
    """
    if isinstance(value, dict):
        members = ", ".join(f"{_write_value(key)} = {_write_value(each)}" for key, each in value.items())
        return f"{{ {members} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_write_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
