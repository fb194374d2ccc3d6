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
from server.digests.recognisers.data.documents import LARGEST, document_of
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
    name: str = "",
) -> Digest:
    """Return a digest of at most ``max_chars`` characters of a text, of bytes, or of a seekable file.

    ``command`` and ``exit_status`` tell what made the text, ``name`` which file it is, if that is
    known; lines that hold a word of ``focus`` go before others. Time grows linearly with the text; memory
    does not grow with a file.
    """
    asked = _Asked(max_chars, command, exit_status, _focus_words(focus), name)
    if isinstance(source, str):
        lines = source.removesuffix("\n").split("\n")
        return _digest(lambda: lines, source if len(source) <= LARGEST else "", asked)
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    encoding = encoding_of(file)

    def read() -> Iterator[str]:
        file.seek(0)
        return decoded_lines(file, encoding)

    whole = "\n".join(read()) if file.seek(0, io.SEEK_END) <= LARGEST else ""
    return _digest(read, whole, asked, literal=encoding.certain)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a caller wants and knows."""

    room: int
    command: str
    exit_status: int | None
    focus: frozenset[str]
    name: str


def _digest(read: Callable[[], Iterable[str]], whole: str, asked: _Asked, *, literal: bool = True) -> Digest:
    if not asked.focus and (document := document_of(whole, asked.command, asked.name)):
        total = sum(1 for _ in read())
        header = _header([document.kind], asked.exit_status, total, literal=literal)
        text, shown = lay_out(document.facts, asked.room, header)
        return Digest(text, shown, (document.kind,), total, literal)
    scanned = _scanned(read, asked.focus)
    general, total, names = scanned.general, scanned.total, scanned.names
    found = scanned.facts + general.facts(recognised=bool(names))
    header = _header(names or [asked.command[:60]], asked.exit_status, total, literal=literal)
    text, shown = lay_out(found, asked.room, header)
    if not names:
        tail = [line for line, claimed in general.tail if not claimed]
        errors = list(general.errors())
        lines_instead = plain(tail, errors, asked.room - len(header))
        instead, facts_instead = lay_out([*lines_instead, *found], asked.room, header)
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
