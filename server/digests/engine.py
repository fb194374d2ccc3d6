"""Digests of texts: what was found, in order of worth, within a budget of characters."""

import io
import re
from collections.abc import Iterable
from functools import cache
from typing import BinaryIO

from server.digests.clean import clean_lines
from server.digests.decode import decoded_lines, encoding_of
from server.digests.general import General
from server.digests.layout import lay_out
from server.digests.registry import RECOGNISERS
from server.digests.scan import Triggers, scan
from server.digests.tail_guard import holds, plain
from server.digests.values import Digest, Fact, Line

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
        return _digest(source.removesuffix("\n").split("\n"), max_chars, command, exit_status, focus)
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    encoding = encoding_of(file)
    lines = decoded_lines(file, encoding)
    return _digest(lines, max_chars, command, exit_status, focus, literal=encoding.certain)


def _digest(
    lines: Iterable[str],
    max_chars: int,
    command: str,
    exit_status: int | None,
    focus: str,
    *,
    literal: bool = True,
) -> Digest:
    recognisers = [kind() for kind in RECOGNISERS]
    general = General(_focus_words(focus))
    total = scan(clean_lines(lines), recognisers, _triggers(), general)
    found: list[Fact] = []
    names: list[str] = []
    for recogniser in recognisers:
        if facts := recogniser.facts():
            found += facts
            names.append(recogniser.name)
    found += general.facts(recognised=bool(names))
    header = _header(names or [command[:60]], exit_status, total, literal=literal)
    text, shown = lay_out(found, max_chars, header)
    tail = [line for line, claimed in general.tail if not claimed]
    errors = list(general.errors())
    if not names:
        instead, facts_instead = lay_out(plain(tail, errors, max_chars - len(header)), max_chars, header)
        if holds(instead, tail, errors) > holds(text, tail, errors):
            return Digest(instead, facts_instead, (), total, literal, fallback=True)
    return Digest(text, shown, tuple(names), total, literal)


def _header(names: list[str], exit_status: int | None, total: int, *, literal: bool) -> str:
    status = [f"exit {exit_status}"] if exit_status is not None else []
    unsure = [] if literal else ["encoding unknown: quotes may differ from the bytes"]
    return " · ".join(filter(None, ["+".join(names), *status, f"{total:,} lines", *unsure]))


def _focus_words(focus: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _FOCUS_WORD.findall(focus))


@cache
def _triggers() -> Triggers:
    return Triggers(RECOGNISERS)


__all__ = ["Line", "make_digest"]
