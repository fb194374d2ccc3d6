"""The check of a model's notes against their source: quotes must be in it, word for word."""

import re
from collections.abc import Iterable, Mapping

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|“([^”]+)”")
_NAME = re.compile(
    r"(?<![\w/.])(?:[\w-]+[/\\])+[\w.-]+|\b\w+\.(?:py|js|ts|go|rs|java|c|cpp|h|log|json|toml|ya?ml|md|sh)\b"
)
_LINE = re.compile(r"\b(?:[Ll]ines?|L)\s*(\d+)(?:\s*(?:-|–|to|and|,)\s*(\d+))?\b(?!-\d)")
_NUMBERED = re.compile(r"^(?:- )?L(\d+): (.*)$", re.MULTILINE)
_FOLDED = re.compile(r" \[x\d+, last L(\d+)\]$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")


def notes_of(answer: str, cut: bool) -> list[str]:
    """Return the notes of an answer, one per line; the last one is dropped if the answer was cut."""
    lines = [_BULLET.sub("", line).strip() for line in answer.split("\n")]
    notes = [line for line in lines if line and not line.startswith("```")]
    return notes[:-1] if cut else notes


def verified(notes: Iterable[str], source: str) -> tuple[list[str], list[str]]:
    """Return the notes whose quotes, names and numbers all occur in ``source``, and the other notes."""
    numbers = set(_NUMBER.findall(source)) | set(re.findall(r"\d+", source))
    flat = " ".join(source.split())
    lines = _numbered(source)
    good: list[str] = []
    bad: list[str] = []
    for note in notes:
        is_true = _is_literal(note, numbers, flat) and _is_in_place(note, lines)
        (good if is_true else bad).append(note)
    return good, bad


def missing_quotes(text: str, source: str) -> list[str]:
    """Return the quoted or backticked parts of ``text`` that ``source`` lacks, ignoring case."""
    flat = " ".join(source.split()).casefold()
    return [quote for quote in _quotes(text) if quote.casefold() not in flat]


def misplaced_quote(text: str, source: str, first: int) -> str | None:
    """Return the first wrong line number of ``text`` in words, None if all are right.

    A sentence that quotes the source and names a line must name a line that contains the quote. The source's
    lines count from ``first``.
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
    """Return the quoted or backticked parts without punctuation at their ends."""
    quotes = [next(part for part in match if part) for match in _QUOTED.findall(text)]
    plain = [" ".join(quote.split()).strip(".,;:!?… ") for quote in quotes]
    return [quote for quote in plain if quote]


def _numbered(source: str) -> dict[int, str]:
    """Return the numbered lines of a text; a folded line also under the number of its last occurrence."""
    lines: dict[int, str] = {}
    for number, text in _NUMBERED.findall(source):
        folded = _FOLDED.search(text)
        for each in (number, *(folded.groups() if folded else ())):
            lines[int(each)] = f"{lines.get(int(each), '')} {text}"
    return lines


def _is_in_place(note: str, lines: Mapping[int, str]) -> bool:
    """Whether any quote, name or number of a note is on the line that the note names, or next to it."""
    begin = re.match(r"L(\d+):\s*", note)
    if begin is None or not lines:
        return True
    if int(begin[1]) not in lines:
        return False
    number, rest = int(begin[1]), note[begin.end() :]
    said = [*_quotes(rest), *_NAME.findall(rest), *_NUMBER.findall(rest)]
    near = " ".join(" ".join(lines.get(each, "").split()) for each in range(number - 1, number + 2))
    return not said or any(each in near for each in said)


def _is_literal(note: str, numbers: set[str], source: str) -> bool:
    quotes = [next(part for part in match if part) for match in _QUOTED.findall(note)]
    if any(" ".join(quote.split()).rstrip("….") not in source for quote in quotes):
        return False
    if any(name not in source for name in _NAME.findall(note)):
        return False
    return all(
        number in numbers or all(part in numbers for part in re.findall(r"\d+", number))
        for number in _NUMBER.findall(note)
    )
