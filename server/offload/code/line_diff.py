"""Line diffs in nearly linear time: anchored at lines that occur once, exact between the anchors."""

import bisect
import difflib
from collections import Counter
from collections.abc import Sequence

EXACT_LINES = 400
"""Maximum number of lines on both sides for an exact diff, which takes quadratic time."""

Span = tuple[int, int, int, int]
"""The lines ``old[a:b]`` that are replaced by ``new[c:d]``, as ``(a, b, c, d)``."""


def differing_spans(old: Sequence[str], new: Sequence[str]) -> list[Span]:
    """Return the differing spans, in order. No two are adjacent."""
    found: list[Span] = []
    pending: list[Span] = [(0, len(old), 0, len(new))]
    while pending:
        a, b, c, d = _trimmed(old, new, pending.pop())
        if a == b or c == d:
            if a < b or c < d:
                found.append((a, b, c, d))
        elif b - a + d - c <= EXACT_LINES:
            found += _exact(old, new, (a, b, c, d))
        elif anchors := _anchors(old[a:b], new[c:d]):
            pending += reversed(_between(anchors, (a, b, c, d)))
        else:
            found += _exact(old, new, (a, b, c, d), rough=True)
    return _joined(found)


def _trimmed(old: Sequence[str], new: Sequence[str], span: Span) -> Span:
    """Return a span with the equal lines at its start and end trimmed off."""
    a, b, c, d = span
    while a < b and c < d and old[a] == new[c]:
        a, c = a + 1, c + 1
    while a < b and c < d and old[b - 1] == new[d - 1]:
        b, d = b - 1, d - 1
    return a, b, c, d


def _exact(old: Sequence[str], new: Sequence[str], span: Span, *, rough: bool = False) -> list[Span]:
    a, b, c, d = span
    matcher = difflib.SequenceMatcher(None, old[a:b], new[c:d], autojunk=rough)
    return [
        (a + i1, a + i2, c + j1, c + j2) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"
    ]


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return the longest sequence of lines that occur exactly once on each side and in the same order on
    both.
    """
    counts, others = Counter(old), Counter(new)
    place = {line: index for index, line in enumerate(new) if others[line] == 1}
    common = [(i, place[line]) for i, line in enumerate(old) if counts[line] == 1 and line in place]
    ends: list[int] = []
    links: list[int] = []
    tops: list[int] = []
    for index, (_, j) in enumerate(common):
        at = bisect.bisect_left(ends, j)
        links.append(tops[at - 1] if at else -1)
        ends[at : at + 1] = [j]
        tops[at : at + 1] = [index]
    run: list[tuple[int, int]] = []
    index = tops[-1] if tops else -1
    while index >= 0:
        run.append(common[index])
        index = links[index]
    return run[::-1]


def _between(anchors: list[tuple[int, int]], span: Span) -> list[Span]:
    """Return the spans before, between and after the anchors."""
    a, b, c, d = span
    spans: list[Span] = []
    x, y = a, c
    for i, j in anchors:
        spans.append((x, a + i, y, c + j))
        x, y = a + i + 1, c + j + 1
    return [*spans, (x, b, y, d)]


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1][1] == span[0] and joined[-1][3] == span[2]:
            joined[-1] = (joined[-1][0], span[1], joined[-1][2], span[3])
        else:
            joined.append(span)
    return joined
