"""The comments at the top of a file: shebang, licence, encoding, pragmas, build tags, prologue."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from server.offload.compare.matching import likeness
from server.offload.compare.values import Change

REWORDED = 0.75
"""Share of common words above which a top comment is merely reworded if nothing else changed."""

_LINE = re.compile(
    r"\s*(?:#(?!\s*(?:include|define|if|pragma|import|region)\b)|//|--|;|%|'''?\s|<\?|<!DOCTYPE)",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+")
"""Years and version numbers, which an edit may legitimately update."""
_PRAGMA = re.compile(r"\s*#\s*pragma\b|\s*[\"']use [a-z]+[\"'];?\s*$")
_BLOCKS = (("/*", "*/"), ("<!--", "-->"), ("{-", "-}"), ("(*", "*)"), ("=begin", "=end"), ("<#", "#>"))
_WITHOUT = frozenset(
    {".md", ".markdown", ".txt", ".rst", ".adoc", ".org", ".json", ".ipynb", ".diff", ".patch"}
)


@dataclass(frozen=True)
class TopComment:
    """The non-blank lines in the comments at the top. ``end`` is the last line (from 1)."""

    lines: tuple[str, ...]
    end: int


def top_comment(text: str, suffix: str) -> TopComment:
    """Return the comments at the top of a file with this suffix."""
    if suffix in _WITHOUT:
        return TopComment((), 0)
    found: list[str] = []
    closing = ""
    number = end = 0
    for number, line in enumerate(text.split("\n"), start=1):
        plain = line.strip()
        if closing:
            found.append(plain)
            end = number
            closing = "" if closing in plain else closing
        elif opened := next((pair for pair in _BLOCKS if plain.startswith(pair[0])), None):
            found.append(plain)
            end = number
            closing = "" if opened[1] in plain[len(opened[0]) :] else opened[1]
        elif _LINE.match(line) or _PRAGMA.match(line):
            found.append(plain)
            end = number
        elif plain and plain != "<?php":
            break
    return TopComment(tuple(line for line in found if line.strip("#/*-;%! ")), end)


def compare_tops(before: str, after: str, suffix: str) -> Iterator[Change]:
    """Yield what was lost from the comments at the top, as at most one change."""
    old, new = top_comment(before, suffix), top_comment(after, suffix)
    if old.lines == new.lines or not old.lines:
        return
    everywhere = {line.strip() for line in after.split("\n")}
    same = {_DIGITS.sub("0", line) for line in new.lines}
    gone = [line for line in old.lines if line not in everywhere and _DIGITS.sub("0", line) not in same]
    fresh = [line for line in new.lines if line not in old.lines]
    alone = before.split("\n")[old.end :] == after.split("\n")[new.end :]
    reworded = alone and likeness("\n".join(gone), "\n".join(fresh)) > REWORDED
    if gone and not reworded:  # else the edit concerns this comment
        how = "changed" if len(fresh) >= len(gone) else "removed"
        yield Change(how, "top comment", gone[0], 1, "slip", ())
