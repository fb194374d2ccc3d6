"""Splits texts for a small context: between records, functions, headings or paragraphs, else lines."""

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from server.digests.compress.fold import Line
from server.offload.asking.prompt import estimate_tokens
from server.offload.code.languages import language_of
from server.offload.code.syntax import definitions

_HEADING = re.compile(r"#{1,6} |={3,}$|-{3,}$")


@dataclass(frozen=True)
class Piece:
    """A part of a source that fits a prompt. ``text`` has each line with its number."""

    shown: str
    text: str


def starts_of(text: str, file_name: str) -> frozenset[int]:
    """Return the numbers of the lines where the text is best split: outermost definitions, headings."""
    language = language_of(file_name)
    if language is not None and language.has_definitions:
        ends = [match.start() for match in re.finditer("\n", text)]
        return frozenset(
            bisect.bisect_left(ends, each.start) + 1
            for each in definitions(text, language)
            if each.level <= 1
        )
    lines = text.split("\n")
    return frozenset(
        number
        for number, line in enumerate(lines, start=1)
        if _HEADING.match(line) or (number > 1 and not lines[number - 2].strip())
    )


def split(
    lines: Sequence[Line], shown: str, most_tokens: int, starts: frozenset[int] = frozenset()
) -> tuple[Piece, ...]:
    """Return pieces of at most ``most_tokens``, split at a start if one is near the end of a piece."""
    pieces: list[Piece] = []
    part: list[str] = []
    sizes: list[int] = []
    total = 0
    at_start: list[bool] = []
    for line in lines:
        text = line.shown()
        size = estimate_tokens(text) + 1
        if part and total + size > most_tokens:
            end = _last_start(at_start, sizes, most_tokens) if line.number not in starts else len(part)
            pieces.append(Piece(shown, "\n".join(part[:end])))
            part, sizes, at_start = part[end:], sizes[end:], at_start[end:]
            total = sum(sizes)
        part.append(text)
        sizes.append(size)
        total += size
        at_start.append(line.number in starts)
    if part:
        pieces.append(Piece(shown, "\n".join(part)))
    return tuple(pieces)


def _last_start(at_start: list[bool], sizes: list[int], most_tokens: int) -> int:
    """Return where to end a piece: at the last start that leaves it at least half full, else at its end."""
    for index in range(len(at_start) - 1, 0, -1):
        if sum(sizes[:index]) < most_tokens // 2:
            break
        if at_start[index]:
            return index
    return len(at_start)
