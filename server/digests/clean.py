"""Terminal output as a reader would see it, with colours, cursor movement and carriage returns resolved."""

import re
from collections.abc import Iterable, Iterator

from server.digests.values import Line

LONGEST_LINE = 20_000
"""Maximum number of characters examined per line."""

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])|"
    r"\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_PREFIX = re.compile(
    r"(?:(?:[^\t]{1,100}\t[^\t]{1,100}\t)?\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z "
    r"|#\d+ \d+\.\d+ |[\w.-]+[-_]\d+ +\| )"
)
"""Prefixes that GitHub Actions, BuildKit and Docker Compose add to each line of a tool's output. ``gh run
view`` puts the job and the step before them.
"""


def clean_lines(lines: Iterable[str]) -> Iterator[Line]:
    """Yield the lines as a terminal would show them, with their line numbers in the original text."""
    for number, raw in enumerate(lines, start=1):
        text = raw if len(raw) <= LONGEST_LINE else raw[:LONGEST_LINE]
        yield Line(number, text if _is_plain(text) else clean(text))


def clean(text: str) -> str:
    """Return one line as a terminal would show it."""
    text = without_escapes(text)
    if "\r" in text:
        text = _overwritten(text)
    if "\b" in text:
        text = _backspaced(text)
    return _CONTROL.sub("", text)


def without_escapes(text: str) -> str:
    """Return the text with colours and cursor movements removed."""
    return _ESCAPE.sub("", text) if "\x1b" in text or "\x9b" in text else text


def without_prefix(text: str) -> str:
    """Return the line without the prefix added by the program that ran the tool."""
    return text[found.end() :] if (found := _PREFIX.match(text)) else text


def _is_plain(text: str) -> bool:
    return text.isprintable() or (text.replace("\t", "").isprintable())


def _backspaced(text: str) -> str:
    kept: list[str] = []
    for character in text:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def _overwritten(text: str) -> str:
    """Return what remains visible after each part of the line has overwritten the previous one."""
    parts = [part for part in text.split("\r") if part.strip()]
    return parts[-1] if parts else ""
