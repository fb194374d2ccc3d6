"""The fold of lines of version 0.1.0, to compare digests with it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

LONGEST_LINE = 400
"""Characters of a folded line that are shown; what is longer ends in ``…``. Other lines are wrapped."""
MOST_KINDS = 50_000
"""Limit on the kinds of lines to distinguish; beyond it, lines are grouped more coarsely."""

_NUMBER = re.compile(r"(?<![A-Za-z0-9])[a-fA-F-]{0,16}[0-9][0-9a-fA-FxX.:,-]*|[0-9][0-9a-fA-F.:,-]*")
"""Counts, times, addresses, hashes, UUIDs: anything with a digit, and the characters that belong to it."""
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`")
_JOINED = re.compile(r"[/\\@=]")
_WORD = re.compile(r"[A-Za-z_]{2,}")
SEVERE = re.compile(
    r"\b(?:error|err|fatal|critical|panic|exception|traceback|failed|failure|segfault|denied|refused|"
    r"corrupt\w*|abort\w*|oom|out of memory|emerg|alert)\b|[a-z](?:Error|Exception)\b",
    re.IGNORECASE,
)
"""What marks a line as one that a reader of a log looks for."""


@dataclass(frozen=True)
class Line:
    """A line and how often its kind occurs. ``number`` counts from 1, ``last`` is where it occurs last."""

    number: int
    text: str
    count: int = 1
    last: int = 0

    def shown(self) -> str:
        """Return the line as the model reads it, with its number and its repetitions."""
        again = f" [x{self.count}, last L{self.last}]" if self.count > 1 else ""
        return f"L{self.number}: {self.text}{again}"


def lines_of_text(text: str) -> Iterator[Line]:
    """Yield the lines of a text."""
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        yield Line(number, line)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def fold(
    read: Callable[[], Iterator[Line]], is_kept: Callable[[str], bool], most_characters: int
) -> tuple[Line, ...]:
    """Return each kind of line once, in order of its first occurrence.

    ``read`` gives the lines from the start. Kinds are told apart as finely as ``most_characters`` (of all
    lines together) allows; those with ``is_kept`` more finely than others. If even the coarsest is too
    long, the commonest kinds are left out.
    """
    folded: tuple[Line, ...] = ()
    for level in range(3):
        kinds = _kinds(read(), level, is_kept)
        if kinds is None:
            continue
        folded = kinds
        if sum(len(line.text) + 12 for line in folded) <= most_characters:
            return folded
    return _rarest(folded, is_kept, most_characters)


def _kinds(lines: Iterator[Line], level: int, is_kept: Callable[[str], bool]) -> tuple[Line, ...] | None:
    """Return the kinds of lines at one level, or None if there are too many to distinguish."""
    found: dict[str, Line] = {}
    for line in lines:
        if not line.text.strip():
            continue
        kind = _kind(line.text, 1 if level == 2 and is_kept(line.text) else level)
        known = found.get(kind)
        if known is not None:
            found[kind] = replace(known, count=known.count + 1, last=line.number)
        elif len(found) < MOST_KINDS:
            found[kind] = replace(line, text=_cut(line.text))
        elif level < 2:
            return None
    return tuple(found.values())


def _kind(text: str, level: int) -> str:
    """Return what the lines of a kind share: all but numbers; all but names, too; only the first words."""
    text = _NUMBER.sub("#", text)
    if level == 0:
        return text
    words = _QUOTED.sub('"', text).split()
    text = " ".join("#" if "#" in word else "/" if _JOINED.search(word) else word for word in words)
    return text if level == 1 else " ".join(_WORD.findall(text)[:3])


def _rarest(
    lines: tuple[Line, ...], is_kept: Callable[[str], bool], most_characters: int
) -> tuple[Line, ...]:
    chosen: list[Line] = []
    room = most_characters
    for line in sorted(lines, key=lambda each: (not is_kept(each.text), each.count, each.number)):
        room -= len(line.text) + 12
        if room < 0:
            break
        chosen.append(line)
    return tuple(sorted(chosen, key=lambda each: each.number))
