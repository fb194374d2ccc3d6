"""Digests of text: facts in order of importance, within a character budget."""

import io
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import BinaryIO

from server.digests.clean import clean_lines
from server.digests.decode import decoded_lines, encoding_of
from server.digests.focus import passage_facts, stems_of
from server.digests.general import General
from server.digests.layout import lay_out
from server.digests.recognisers.base import Recogniser
from server.digests.recognisers.data.documents import LARGEST, document_of
from server.digests.recognisers.data.structure import structure_of
from server.digests.scan import Triggers, scan
from server.digests.tail_guard import holds, plain
from server.digests.values import Digest, Fact, Line, Section

_MOST_PASSES = 6
_FIRST = 100
"""Extra worth for facts that get room before all others."""


def make_digest(
    source: str | bytes | BinaryIO,
    max_chars: int,
    *,
    command: str = "",
    exit_status: int | None = None,
    focus: str = "",
    name: str = "",
) -> Digest:
    """Return a digest of the text, at most ``max_chars`` characters long; see ``find_facts``."""
    found = find_facts(source, command=command, exit_status=exit_status, focus=focus, name=name)
    return found.digest(max_chars)


def find_facts(
    source: str | bytes | BinaryIO,
    *,
    command: str = "",
    exit_status: int | None = None,
    focus: str = "",
    name: str = "",
) -> "Findings":
    """Return the facts in the text, in bytes, or in a seekable file.

    ``command`` and ``exit_status`` describe the command that produced the text, and ``name`` the file, if
    known. Lines that contain a word from ``focus`` come before others. Time grows linearly with the text;
    memory does not grow with the size of a file.
    """
    asked = _Asked(command, exit_status, stems_of(focus), name)
    if isinstance(source, str):
        lines = source.removesuffix("\n").split("\n")
        return _find(lambda: lines, source if len(source) <= LARGEST else "", asked)
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    encoding = encoding_of(file)

    def read() -> Iterator[str]:
        file.seek(0)
        return decoded_lines(file, encoding)

    whole = "\n".join(read()) if file.seek(0, io.SEEK_END) <= LARGEST else ""
    return _find(read, whole, asked, literal=encoding.certain)


@dataclass(frozen=True, slots=True)
class Findings:
    """The facts in text, before layout.

    ``kinds`` names the recognised kinds of output. ``document`` is true if the text is a whole document
    (code, data, prose) rather than output. ``tail`` and ``errors`` are lines no recogniser claimed.
    """

    kinds: tuple[str, ...]
    facts: tuple[Fact, ...]
    header: str
    lines: int
    literal: bool
    document: bool = False
    tail: tuple[Line, ...] = ()
    errors: tuple[Line, ...] = ()

    def digest(self, max_chars: int, first: Collection[int] = ()) -> Digest:
        """Return a digest of at most ``max_chars`` characters. Facts indexed in ``first`` get room first."""
        facts = [_first(fact) if index in first else fact for index, fact in enumerate(self.facts)]
        text, shown = lay_out(facts, max_chars, self.header)
        made = Digest(text, shown, self.kinds, self.lines, self.literal)
        if self.kinds:
            return made
        lines_instead = plain(self.tail, self.errors, max_chars - len(self.header))
        instead, shown = lay_out([*lines_instead, *facts], max_chars, self.header)
        if holds(instead, self.tail, self.errors) > holds(text, self.tail, self.errors):
            return Digest(instead, shown, (), self.lines, self.literal, fallback=True)
        return made


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the caller asked for and knows about the text."""

    command: str
    exit_status: int | None
    stems: tuple[str, ...]
    name: str


def _first(fact: Fact) -> Fact:
    parts = tuple(replace(part, worth=part.worth + _FIRST) for part in fact.parts)
    return replace(fact, section=Section.FOCUS, parts=parts)


def _find(read: Callable[[], Iterable[str]], whole: str, asked: _Asked, *, literal: bool = True) -> Findings:
    if document := document_of(whole, asked.command, asked.name):
        lines = [line.text for line in clean_lines(read())]
        header = _header([document.kind], asked.exit_status, len(lines), literal=literal)
        sought = passage_facts(lines, asked.stems) if asked.stems else []
        facts = (*sought, *document.facts)
        return Findings((document.kind,), facts, header, len(lines), literal, document=True)
    scanned = _scanned(read, asked.stems)
    general, names = scanned.general, scanned.names
    if not names and whole and (structure := structure_of(list(clean_lines(read())))):
        header = _header([structure.kind], asked.exit_status, scanned.total, literal=literal)
        sought = [fact for fact in general.facts(recognised=True) if fact.section is Section.FOCUS]
        return Findings((structure.kind,), (*sought, *structure.facts), header, scanned.total, literal)
    header = _header(names or [asked.command[:60]], asked.exit_status, scanned.total, literal=literal)
    return Findings(
        tuple(names),
        (*scanned.facts, *general.facts(recognised=bool(names))),
        header,
        scanned.total,
        literal,
        tail=tuple(line for line, claimed in general.tail if not claimed),
        errors=tuple(general.errors()),
    )


@dataclass(slots=True)
class _Scanned:
    """What one pass over the text found."""

    facts: list[Fact]
    names: list[str]
    general: General
    total: int


def _scanned(read: Callable[[], Iterable[str]], stems: tuple[str, ...]) -> _Scanned:
    """Scan the text. If some recognisers claimed lines but found no facts, scan again without them."""
    known = _recognisers()
    asked = set(range(len(known)))
    for _ in range(_MOST_PASSES):
        recognisers = {index: known[index]() for index in sorted(asked)}
        general = General(stems)
        total, claimers = scan(clean_lines(read()), recognisers, _triggers(), general)
        facts = {index: recogniser.facts() for index, recogniser in recognisers.items()}
        mistaken = {index for index in claimers if not facts[index]}
        if not mistaken:
            break
        asked -= mistaken
    names = [known[index].name for index, some in facts.items() if some]
    return _Scanned([fact for some in facts.values() for fact in some], names, general, total)


def _header(names: list[str], exit_status: int | None, total: int, *, literal: bool) -> str:
    status = [f"exit {exit_status}"] if exit_status is not None else []
    unsure = [] if literal else ["encoding unknown: quotes may differ from the bytes"]
    return " · ".join(filter(None, ["+".join(names), *status, f"{total:,} lines", *unsure]))


def _recognisers() -> tuple[type[Recogniser], ...]:
    # Imported here, because a hub starts without waiting for the 35 recognisers.
    from server.digests.registry import RECOGNISERS  # noqa: PLC0415

    return RECOGNISERS


@cache
def _triggers() -> Triggers:
    return Triggers(_recognisers())


def is_severe(text: str) -> bool:
    """Return whether the text reports an error, judging by marks that apply to any output."""
    return _triggers().of(text)[1]
