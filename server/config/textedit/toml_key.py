"""One key of a TOML file, set or taken out in the text: all else stays to the byte, comments too."""

import copy
import io
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from server.config.textedit.toml_text import HEADER, TomlError, header_keys, load, write_value

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BOM = "\ufeff"


@dataclass(frozen=True)
class _Statement:
    """A stretch of the text: a key with its value (``keys`` are more than one where it is dotted), or the
    header of ``table``, which has no ``keys``."""

    start: int
    end: int
    table: tuple[str, ...]
    keys: tuple[str, ...]


def set_key(text: str, table: tuple[str, ...], key: str, value: Any) -> str:
    """Return the text with ``key`` of ``table`` (empty: the top) set to ``value``; None takes it out.

    Raises:
        TomlError: the text is not TOML, or has the key in a form that cannot be edited safely.
    """
    mark, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    document = load(body)
    newline = "\r\n" if "\r\n" in body else "\n"
    line = "" if value is None else f"{_name(key)} = {write_value(value)}{newline}"
    changed = _put(body, table, key, line, newline)
    if load(changed) != _expected(document, table, key, value):
        raise TomlError(f"{'.'.join((*table, key))} is written in a form that cannot be edited")
    return mark + changed


def _put(text: str, table: tuple[str, ...], key: str, line: str, newline: str) -> str:
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
    gap = "" if not text.strip() else newline if text.endswith("\n") else newline * 2
    return f"{text}{gap}[{'.'.join(_name(part) for part in table)}]{newline}{line}"


def _statements(text: str) -> Iterator[_Statement]:
    """Yield headers, and keys with their values, which may reach over several lines."""
    table: tuple[str, ...] = ()
    start = position = 0
    for line in io.StringIO(text, newline="\n"):
        position += len(line)
        whole = text[start:position]
        if (header := HEADER.match(line.rstrip("\r\n"))) is not None and whole == line:
            table = header_keys(header.group(1))
            yield _Statement(start, position, table, ())
        else:
            try:
                said = tomllib.loads(whole)
            except tomllib.TOMLDecodeError:
                continue  # the value goes on
            if said:
                name, value = next(iter(said.items()))
                dotted = isinstance(value, dict) and "." in whole.partition("=")[0]
                yield _Statement(start, position, table, (name, *value) if dotted else (name,))
        start = position


def _expected(document: dict[str, Any], table: tuple[str, ...], key: str, value: Any) -> dict[str, Any]:
    wanted = copy.deepcopy(document)
    place: Any = wanted
    for part in table:
        if isinstance(place, dict):
            place = place.get(part, {}) if value is None else place.setdefault(part, {})
    if not isinstance(place, dict):
        raise TomlError(f"{'.'.join(table)} is not a table")
    if value is None:
        place.pop(key, None)
    else:
        place[key] = json.loads(json.dumps(value))  # as it will be read: lists for tuples
    return wanted


def _name(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)
