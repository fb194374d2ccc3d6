"""Checks quotes in a model's text: the source must contain each one verbatim, on the named line."""

import re

_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|“([^”]+)”")
_LINE = re.compile(r"\b(?:[Ll]ines?|L)\s*(\d+)(?:\s*(?:-|–|to|and|,)\s*(\d+))?\b(?!-\d)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n")


def missing_quotes(text: str, source: str) -> list[str]:
    """Return the quoted or backticked parts of ``text`` that do not occur in ``source``, ignoring case."""
    flat = " ".join(source.split()).casefold()
    return [quote for quote in _quotes(text) if quote.casefold() not in flat]


def misplaced_quote(text: str, source: str, first: int) -> str | None:
    """Return a description of the first wrong line number in ``text``, or None if they are all right.

    If a sentence quotes the source and names a line, that line must contain the quote. The source's lines are
    numbered from ``first``.
    """
    lines = [" ".join(line.split()).casefold() for line in source.removesuffix("\n").split("\n")]
    for sentence in _SENTENCE_END.split(text):
        named = [int(number) for match in _LINE.findall(sentence) for number in match if number]
        beyond = [number for number in named if not first <= number < first + len(lines)]
        if beyond:
            return f"It names line {beyond[0]}; the text has lines {first} to {first + len(lines) - 1}"
        for quote in _quotes(sentence) if named else ():
            places = [number for number, line in enumerate(lines, start=first) if quote.casefold() in line]
            if places and not any(min(named) <= place <= max(named) for place in places):
                return f"It puts {quote!r} on line {named[0]}, but that is on line {places[0]}"
    return None


def _quotes(text: str) -> list[str]:
    """Return the quoted or backticked parts, without trailing punctuation."""
    quotes = [next(part for part in match if part) for match in _QUOTED.findall(text)]
    plain = [" ".join(quote.split()).strip(".,;:!?… ") for quote in quotes]
    return [quote for quote in plain if quote]
