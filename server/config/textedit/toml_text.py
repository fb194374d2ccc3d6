"""One table of a TOML file, set or removed in the text: all else stays to the byte."""

import json
import re
import tomllib
from typing import Any

HEADER = re.compile(r"^[ \t]*\[\[?([^\[\]]+)\]\]?[ \t]*(?:#.*)?$")


class TomlError(ValueError):
    """The text is not TOML, or has the table in a form that cannot be edited safely."""


def get_table(text: str, path: tuple[str, ...]) -> Any:
    """Return what is at ``path``, None where there is nothing.

    Raises:
        TomlError: the text is not TOML.
    """
    return _lookup(load(text), path)


def set_table(text: str, path: tuple[str, ...], values: dict[str, Any]) -> str:
    """Return the text with the table at ``path`` set to ``values``.

    Raises:
        TomlError: the text is not TOML, or the table is written inline.
    """
    document = load(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = [f"[{'.'.join(path)}]", *(f"{key} = {write_value(value)}" for key, value in values.items())]
    found = _lookup(document, path)
    if found is None:
        gap = "" if not text.strip() else newline if text.endswith("\n") else newline * 2
        changed = text + gap + newline.join(lines) + newline
    else:
        start, end = _span(text, path)
        changed = text[:start] + newline.join(lines) + newline + text[end:]
    _check(changed, document, path, values)
    return changed


def remove_table(text: str, path: tuple[str, ...]) -> str:
    """Return the text without the table at ``path``; that there is none is fine.

    Raises:
        TomlError: the text is not TOML, or the table is written inline.
    """
    document = load(text)
    if _lookup(document, path) is None:
        return text
    start, end = _span(text, path)
    before, after = text[:start], text[end:]
    if not after.strip():
        # The blank line that set the table off goes with it.
        before = re.sub(r"(\r?\n)\r?\n$", r"\1", before)
    _check(before + after, document, path, None)
    return before + after


def load(text: str) -> dict[str, Any]:
    """Return the document.

    Raises:
        TomlError: the text is not TOML.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)) from None


def _lookup(document: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _span(text: str, path: tuple[str, ...]) -> tuple[int, int]:
    """Return where the table's header begins and where what follows it does.

    Its sub-tables belong to it; comments and blank lines before the next header do not.
    """
    start = end = -1
    position = 0
    for line in text.splitlines(keepends=True):
        header = HEADER.match(line.rstrip("\r\n"))
        stripped = line.strip()
        if header is not None:
            if header_keys(header.group(1))[: len(path)] == path:
                start = position if start < 0 else start
                end = position + len(line)
            elif start >= 0:
                break
        elif start >= 0 and stripped and not stripped.startswith("#"):
            end = position + len(line)
        position += len(line)
    if start < 0:
        raise TomlError(f"{'.'.join(path)} is not written as a table of its own")
    return start, end


def header_keys(header: str) -> tuple[str, ...]:
    """Return the path of a header, given what is between its brackets."""
    return tuple(part.strip().strip("\"'") for part in header.split("."))


def _check(text: str, before: dict[str, Any], path: tuple[str, ...], values: dict[str, Any] | None) -> None:
    """Make sure that nothing but the table changed."""
    after = load(text)
    for document in (before, after):
        parent = _lookup(document, path[:-1])
        if isinstance(parent, dict):
            found = parent.pop(path[-1], None)
            if document is after and found != values:
                raise TomlError("the table is written in a form that cannot be edited")
            if not parent and len(path) > 1:
                document.pop(path[0], None)
    if before != after:
        raise TomlError("the table is written in a form that cannot be edited")


def write_value(value: Any) -> str:
    """Return a value as TOML, on one line."""
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{write_value(key)} = {write_value(each)}" for key, each in value.items())
            + " }"
        )
    # TOML's basic strings are JSON's, but for characters that paths do not have.
    if isinstance(value, list | tuple):
        return f"[{', '.join(write_value(each) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)
