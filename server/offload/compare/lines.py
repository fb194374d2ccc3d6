"""Compares plain lines: changed characters and removed lines."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from server.offload.compare.hunks import Hunk, hunks
from server.offload.compare.matching import likeness
from server.offload.compare.values import Change

_FLAT = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "–": "-", "—": "-",
     "‑": "-", "−": "-", "…": "...", "\u00a0": " ", "\u202f": " ", "\u2009": " "}
)  # fmt: skip
_JOINERS = "\u200c\u200d"
_NUMBERED = re.compile(r"^\s*L?(\d+)\s*([|:→])\s?")
_ALIKE_LINE = 0.34
MOST_COMPARED = 40_000
"""Maximum number of line pairs compared in one diff. Beyond that, only nearby lines are compared."""
NEAR = 40
"""Number of lines considered nearby: the first ones without a counterpart."""
_TARGET = re.compile(r"^([^\s:#=][^:=#]*?)\s*::?(?!=)")
_KEY = re.compile(r"^\s*(\[[^\]]+\]|[\w.\-]+(?=\s*[:+?]?=))")


def compare_characters(before: str, after: str) -> Iterator[Change]:
    """Yield character changes, at most one of each kind."""
    runs = hunks(before, after)
    for find in (_invisible, _flattened, _indented, _numbered, _elided):
        for hunk in runs:
            if (change := find(hunk, before)) is not None:
                yield change
                break


def compare_lines(before: str, after: str, file_name: str) -> Iterator[Change]:
    """Yield the lines that disappeared without being replaced."""
    left = Counter(line.strip() for line in after.split("\n"))
    for line in before.split("\n"):
        left[line.strip()] -= 1
    for hunk in hunks(before, after):
        new = [line for line in hunk.new if line.strip()]
        old = [(hunk.start + index, line) for index, line in enumerate(hunk.old) if line.strip()]
        if len(new) >= len(old):
            continue
        flowing = f" {' '.join(' '.join(new).split())} "
        for number, line in _unmatched(old, new):
            words = line.split()
            wrapped = len(words) > 1 and f" {' '.join(words)} " in flowing  # only the line ends differ
            if left[line.strip()] < 0 and len(line.strip()) > 2 and not wrapped:
                kind, name = _named(line, file_name)
                yield Change("removed", kind, name, number, "loss", _words(line))


def _unmatched(old: list[tuple[int, str]], new: list[str]) -> list[tuple[int, str]]:
    """Return the old lines that no new line resembles. Each new line can replace at most one old line."""
    rest = list(new)
    gone: list[tuple[int, str]] = []
    every = len(old) * len(new) <= MOST_COMPARED
    for number, line in old:
        best = max(rest if every else rest[:NEAR], key=lambda each: likeness(line, each), default=None)
        if best is not None and likeness(line, best) >= _ALIKE_LINE:
            rest.remove(best)
        else:
            gone.append((number, line))
    return gone[: max(0, len(old) - len(new))] if rest else gone


def _named(line: str, file_name: str) -> tuple[str, str]:
    """Return a line's kind and name for a reply: a target, an instruction, a key, or the line itself."""
    base = file_name.lower()
    if (base.startswith(("makefile", "gnumakefile")) or base.endswith(".mk")) and (
        found := _TARGET.match(line)
    ):
        return "target", found[1]
    if "dockerfile" in base or "containerfile" in base:
        word = line.split(maxsplit=1)[0]
        return ("instruction", line.strip()) if word.isupper() else ("", line.strip())
    if found := _KEY.match(line):
        return "key", found[1]
    return "line", line.strip()


def _words(line: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W\d_][\w\-]{2,}", line))


def _invisible(hunk: Hunk, before: str) -> Change | None:
    had = set("".join(hunk.old))
    for offset, line in enumerate(hunk.new):
        for sign in set(line) - had:
            if unicodedata.category(sign) not in ("Cf", "Co", "Cn") or sign in before or sign in _JOINERS:
                continue
            if unicodedata.category(sign) == "Cn" or sign >= "\ufffe":
                continue
            name = f"U+{ord(sign):04X} {unicodedata.name(sign, '')}".strip()
            return Change("added", "invisible character", name, hunk.new_start + offset, "slip")
    return None


def _flattened(hunk: Hunk, _before: str) -> Change | None:
    new: dict[str, str] = {}
    for offset, line in enumerate(hunk.old):
        if line.isascii() or (flat := _flat(line)) == line or line in hunk.new:
            continue
        new = new or {_flat(other): other for other in reversed(hunk.new)}
        if (other := new.get(flat)) is not None:
            lost = next((a for a in line if a not in other), "")
            return Change("changed", "characters such as", lost, hunk.start + offset, "slip")
    return None


def _flat(line: str) -> str:
    return unicodedata.normalize("NFKC", line.translate(_FLAT)).translate(_FLAT)


def _indented(hunk: Hunk, _before: str) -> Change | None:
    new = {line.strip(): line for line in hunk.new if line.startswith(" ")}
    for offset, line in enumerate(hunk.old):
        other = new.get(line.strip()) if line.startswith("\t") and line.strip() else None
        if other is not None:
            return Change("changed", "indentation:", "tabs became spaces", hunk.start + offset, "slip")
    return None


def _numbered(hunk: Hunk, before: str) -> Change | None:
    """Find a line that starts with its own line number. A number that is part of the content rarely
    matches.
    """
    if _has_numbers(before):
        return None
    for offset, line in enumerate(hunk.new):
        found = _NUMBERED.match(line)
        if found is None or not (rest := line[found.end() :]).strip():
            continue
        following = _NUMBERED.match(hunk.new[offset + 1]) if offset + 1 < len(hunk.new) else None
        number = int(found[1])
        right = (
            found[2] != ":"
            or number in (hunk.new_start + offset, hunk.start + offset)
            or (following is not None and int(following[1]) == number + 1)
        )
        if right and any(likeness(rest, each) >= 0.5 for each in hunk.old if each.strip()):
            return Change("added", "line number", line.strip(), hunk.new_start + offset, "wrong")
    return None


@lru_cache(maxsize=8)
def _has_numbers(text: str) -> bool:
    return any(_NUMBERED.match(line) for line in text.split("\n"))


def _elided(hunk: Hunk, before: str) -> Change | None:
    """Find a comment or an ellipsis standing in for removed lines."""
    new = [line.strip() for line in hunk.new if line.strip()]
    old = [line.strip() for line in hunk.old if line.strip()]
    if not new or not old:
        return None
    elided = [line for line in new if _ELLIPSIS.search(line)]
    if elided and len(old) > len(new) and not _has_any(before, new):
        return Change("left out", "", elided[0], hunk.new_start, "wrong")
    marks = [_COMMENT.match(line) for line in new]
    if all(marks) and not all(_COMMENT.match(line) for line in old):
        comment = " ".join(new)
        if likeness(comment, " ".join(old)) < 0.4 and not _has_any(before, new):
            return Change("replaced by a comment:", "", new[0], hunk.new_start, "slip")
    return None


def _has_any(text: str, lines: list[str]) -> bool:
    return any(line in text for line in lines if len(line) > 6)


_COMMENT = re.compile(r"(?:#(?!include|define|if|endif|pragma|!|\[)|//|/\*|\*|<!--|--\s|;|%|\{/\*|\{#)")
_ELLIPSIS = re.compile(
    r"^(?:#|//|/\*|<!--|--|;|%|\{/\*|\{#)?\s*(?:\.\.\.|…)\s*(?:\*/\}?|-->|#\})?$"
    r"|^(?:#|//|/\*|<!--|--|;|%|\{/\*|\{#)\s*(?:\.\.\.|…)|^(?:#|//|/\*|<!--|--|;|%|\{/\*|\{#).*(?:\.\.\.|…)\s*(?:\*/\}?|-->|#\})?$"
)
