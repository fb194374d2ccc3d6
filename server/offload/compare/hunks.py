"""Line diffs between two texts, as runs of removed and added lines."""

from dataclasses import dataclass
from functools import lru_cache

from server.offload.code.line_diff import differing_spans


@dataclass(frozen=True)
class Hunk:
    """A run of differing lines.

    ``old`` holds the lines in the original text, starting at line ``start`` (from 1). ``new`` holds their
    replacements in the new text, starting at line ``new_start``.
    """

    start: int
    old: tuple[str, ...]
    new_start: int
    new: tuple[str, ...]


@lru_cache(maxsize=8)
def hunks(before: str, after: str) -> tuple[Hunk, ...]:
    """Return the runs of differing lines, in order."""
    old, new = before.split("\n"), after.split("\n")
    return tuple(
        Hunk(a + 1, tuple(old[a:b]), c + 1, tuple(new[c:d])) for a, b, c, d in differing_spans(old, new)
    )
