"""Line differences of two texts, as runs of removed and added lines."""

import difflib
from dataclasses import dataclass
from functools import lru_cache

EXACT_LINES = 1_500
"""Changed lines up to which the difference is exact; beyond, the time would be quadratic."""


@dataclass(frozen=True)
class Hunk:
    """A run of lines that differs.

    ``old`` are the lines from ``start`` (from 1) of the text before, ``new`` those from ``new_start`` of the
    text after in their place.
    """

    start: int
    old: tuple[str, ...]
    new_start: int
    new: tuple[str, ...]


@lru_cache(maxsize=8)
def hunks(before: str, after: str) -> tuple[Hunk, ...]:
    """Return the runs of lines that differ, in their order."""
    old, new = before.split("\n"), after.split("\n")
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    junk = len(a) + len(b) > EXACT_LINES
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=junk)
    return tuple(
        Hunk(head + i1 + 1, tuple(a[i1:i2]), head + j1 + 1, tuple(b[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    )
