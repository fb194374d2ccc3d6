"""Whole documents: what kind they are, and their facts."""

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import yaml

from server.digests.clean import clean_lines
from server.digests.recognisers.data.markup import html_facts, is_markdown, markdown_facts
from server.digests.recognisers.data.outline import language_for, outline_facts
from server.digests.recognisers.data.shape import shape_facts
from server.digests.recognisers.data.table import delimiter_of, table_facts
from server.digests.recognisers.data.xml_facts import xml_facts
from server.digests.values import Fact

LARGEST = 8_000_000
"""Maximum length of a document read as a whole (characters). Longer ones are read line by line."""
_LARGEST_YAML = 1_000_000
_NAMED = re.compile(r"[\w.-]*\.(?P<ending>[A-Za-z]\w{0,9})$")
_ANY_KIND = frozenset({"", "log", "out", "txt"})
"""Extensions of files that can contain any kind of text."""
_READERS = frozenset({"cat", "bat", "less", "more", "type", "nl"})
_HTML = re.compile(r"\s*(?:<!--.{0,400}?-->\s*)?<(?:!doctype html|html)\b", re.IGNORECASE | re.DOTALL)
_YAML_LINE = re.compile(r"^\s*(?:- )*[\w.\"'/ -]{1,80}:(?:\s|$)|^\s*- \S|^\s*#|^---")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """A document's kind and its facts."""

    kind: str
    facts: list[Fact]


def document_of(text: str, command: str, name: str = "") -> Document | None:
    """Return the facts of text that is a whole document, or None for any other output."""
    if len(text) > LARGEST or not text.strip():
        return None
    lines = [line.text for line in clean_lines(text.split("\n"))]
    name = name or _file_of(command)
    ending = found["ending"].lower() if (found := _NAMED.search(name)) else ""
    for kind, facts in _WAYS.items():
        if found_facts := facts(text, lines, name, ending):
            return Document(kind, found_facts)
    return None


def _json(text: str, _lines: Sequence[str], _name: str, _ending: str) -> list[Fact]:
    if text.lstrip()[:1] not in ("{", "["):
        return []
    try:
        return shape_facts(json.loads(text), "JSON")
    except (ValueError, RecursionError):
        return []


def _html(text: str, _lines: Sequence[str], _name: str, ending: str) -> list[Fact]:
    return html_facts(text) if _HTML.match(text[:2_000]) or ending in ("html", "htm") else []


def _xml(text: str, _lines: Sequence[str], _name: str, _ending: str) -> list[Fact]:
    return xml_facts(text) if text.lstrip("\ufeff \t\r\n")[:1] == "<" else []


def _code(text: str, lines: Sequence[str], name: str, ending: str) -> list[Fact]:
    if ending in ("md", "markdown", "yml", "yaml", "csv", "tsv", "json", "log", "txt"):
        return []
    language = language_for(name if ending else "", lines)
    return outline_facts(text, lines, language) if language else []


def _table(_text: str, lines: Sequence[str], _name: str, ending: str) -> list[Fact]:
    delimiter = delimiter_of(lines, ending in ("csv", "tsv"))
    return table_facts(lines, delimiter) if delimiter else []


def _markdown(_text: str, lines: Sequence[str], _name: str, ending: str) -> list[Fact]:
    return (
        markdown_facts(lines)
        if ending in ("md", "markdown", "mdx") or (not ending and is_markdown(lines))
        else []
    )


def _yaml(text: str, lines: Sequence[str], _name: str, ending: str) -> list[Fact]:
    named = ending in ("yml", "yaml")
    probe = [line for line in lines[:200] if line.strip()]
    if len(text) > _LARGEST_YAML or len(probe) < 5:
        return []
    if not named and (
        ending not in _ANY_KIND
        or sum(_YAML_LINE.match(line) is not None for line in probe) < 0.95 * len(probe)
    ):
        return []
    try:
        data = [each for each in yaml.load_all(text, Loader=_LOADER) if each is not None]
    except (yaml.YAMLError, RecursionError, ValueError):
        return []
    if not data or not all(isinstance(each, dict | list) for each in data):
        return []
    if not named and not any(isinstance(value, dict | list) for each in data for value in _children(each)):
        return []
    return shape_facts(
        data[0] if len(data) == 1 else data, "YAML" if len(data) == 1 else f"YAML, {len(data)} documents"
    )


def _children(data: object) -> list[object]:
    return list(data.values()) if isinstance(data, dict) else list(data) if isinstance(data, list) else []


def _file_of(command: str) -> str:
    """Return the file that a command prints unchanged; empty if there is none."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    if len(words) < 2 or words[0].rsplit("/", 1)[-1] not in _READERS or any(w in "|;&" for w in words):
        return ""
    return words[-1]


_WAYS: dict[str, Callable[[str, Sequence[str], str, str], list[Fact]]] = {
    "json": _json,
    "html": _html,
    "xml": _xml,
    "source code": _code,
    "table": _table,
    "markdown": _markdown,
    "yaml": _yaml,
}
