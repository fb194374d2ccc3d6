"""Ensures that a digest is never worse than just the text's last lines and error lines."""

import re
from collections.abc import Sequence

from server.digests.layout import squeezed
from server.digests.values import Fact, Line, Part, Section

_WORD = re.compile(r"\w{2,}")
_LAST = 10
"""Number of last lines to compare. The fallback itself shows as many lines as fit."""


def plain(tail: Sequence[Line], errors: Sequence[Line], room: int) -> tuple[Fact, ...]:
    """Return the last lines in 60 % of the room and error lines in the rest, in text order."""
    chosen = _fitting(list(reversed(tail)), room * 6 // 10)
    numbers = {line.number for line in chosen}
    used = sum(_length(line) for line in chosen)
    chosen += _fitting([line for line in errors if line.number not in numbers], room - used)
    ordered = sorted(chosen, key=lambda line: line.number)
    return tuple(Fact(Section.TAIL, (Part(line.text, line.number, 100),)) for line in ordered)


def holds(text: str, tail: Sequence[Line], errors: Sequence[Line]) -> int:
    """Count the error lines and last lines whose words mostly appear in the text."""
    words = set(_WORD.findall(text.casefold()))
    compared = {squeezed(line.text): line for line in [*errors, *tail[-_LAST:]]}
    return sum(_stands(line.text, words) for line in compared.values())


def _stands(line: str, words: set[str]) -> bool:
    wanted = _WORD.findall(line.casefold())
    return bool(wanted) and sum(word in words for word in wanted) >= 0.8 * len(wanted)


def _fitting(lines: Sequence[Line], room: int) -> list[Line]:
    chosen = []
    for line in lines:
        if (length := _length(line)) <= room:
            chosen.append(line)
            room -= length
    return chosen


def _length(line: Line) -> int:
    return min(len(squeezed(line.text)), 400) + len(f"L{line.number}: ") + 1
