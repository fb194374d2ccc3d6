"""Line differences of two texts, as runs of removed and added lines."""

import difflib
from dataclasses import dataclass
from functools import lru_cache

EXACT_LINES = 1_500
"""Most changed lines for an exact difference; the time is quadratic in them."""


@dataclass(frozen=True)
class Hunk:
    """A run of differing lines.

    ``old`` are the lines of the text before, from line ``start`` (from 1). ``new`` are their replacements in
    the text after, from line ``new_start``.
    """

    start: int
    old: tuple[str, ...]
    new_start: int
    new: tuple[str, ...]


@lru_cache(maxsize=8)
def hunks(before: str, after: str) -> tuple[Hunk, ...]:
    """Return the runs of differing lines, in order."""
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
