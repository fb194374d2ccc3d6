"""Digests of texts: what was found, in order of worth, within a budget of characters."""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

from server.digests.clean import clean_lines
from server.digests.decode import decoded_lines, encoding_of
from server.digests.general import General
from server.digests.layout import lay_out
from server.digests.registry import RECOGNISERS
from server.digests.scan import Triggers, scan
from server.digests.tail_guard import holds, plain
from server.digests.values import Digest, Fact

_MOST_PASSES = 6
_FOCUS_WORD = re.compile(r"[\w./-]{4,}")


def make_digest(
    source: str | bytes | BinaryIO,
    max_chars: int,
    *,
    command: str = "",
    exit_status: int | None = None,
    focus: str = "",
) -> Digest:
    """Return a digest of at most ``max_chars`` characters of a text, of bytes, or of a seekable file.

    ``command`` and ``exit_status`` tell what made the text, where that is known; lines that hold a word of
    ``focus`` go before others. Time grows linearly with the text; memory does not grow with a file.
    """
    if isinstance(source, str):
        lines = source.removesuffix("\n").split("\n")
        return _digest(lambda: lines, max_chars, command, exit_status, focus)
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    encoding = encoding_of(file)

    def read() -> Iterator[str]:
        file.seek(0)
        return decoded_lines(file, encoding)

    return _digest(read, max_chars, command, exit_status, focus, literal=encoding.certain)


def _digest(
    read: Callable[[], Iterable[str]],
    max_chars: int,
    command: str,
    exit_status: int | None,
    focus: str,
    *,
    literal: bool = True,
) -> Digest:
    scanned = _scanned(read, _focus_words(focus))
    general, total, names = scanned.general, scanned.total, scanned.names
    found = scanned.facts + general.facts(recognised=bool(names))
    header = _header(names or [command[:60]], exit_status, total, literal=literal)
    text, shown = lay_out(found, max_chars, header)
    if not names:
        tail = [line for line, claimed in general.tail if not claimed]
        errors = list(general.errors())
        lines_instead = plain(tail, errors, max_chars - len(header))
        instead, facts_instead = lay_out([*lines_instead, *found], max_chars, header)
        if holds(instead, tail, errors) > holds(text, tail, errors):
            return Digest(instead, facts_instead, (), total, literal, fallback=True)
    return Digest(text, shown, tuple(names), total, literal)


@dataclass(slots=True)
class _Scanned:
    """What one pass over a text found."""

    facts: list[Fact]
    names: list[str]
    general: General
    total: int


def _scanned(read: Callable[[], Iterable[str]], focus: frozenset[str]) -> _Scanned:
    """Scan a text, again without the recognisers that claimed lines of it and then found nothing."""
    asked = set(range(len(RECOGNISERS)))
    for _ in range(_MOST_PASSES):
        recognisers = {index: RECOGNISERS[index]() for index in sorted(asked)}
        general = General(focus)
        total, claimers = scan(clean_lines(read()), recognisers, _triggers(), general)
        facts = {index: recogniser.facts() for index, recogniser in recognisers.items()}
        mistaken = {index for index in claimers if not facts[index]}
        if not mistaken:
            break
        asked -= mistaken
    names = [RECOGNISERS[index].name for index, some in facts.items() if some]
    return _Scanned([fact for some in facts.values() for fact in some], names, general, total)


def _header(names: list[str], exit_status: int | None, total: int, *, literal: bool) -> str:
    status = [f"exit {exit_status}"] if exit_status is not None else []
    unsure = [] if literal else ["encoding unknown: quotes may differ from the bytes"]
    return " · ".join(filter(None, ["+".join(names), *status, f"{total:,} lines", *unsure]))


def _focus_words(focus: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _FOCUS_WORD.findall(focus))


@cache
def _triggers() -> Triggers:
    return Triggers(RECOGNISERS)
