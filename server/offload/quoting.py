"""Notes of a model against what they are about: what they quote must be there, literally."""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|“([^”]+)”")
_NAME = re.compile(
    r"(?<![\w/.])(?:[\w-]+[/\\])+[\w.-]+|\b\w+\.(?:py|js|ts|go|rs|java|c|cpp|h|log|json|toml|ya?ml|md|sh)\b"
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")


def notes_of(answer: str, cut: bool) -> list[str]:
    """Return the notes of an answer, one a line; the last one is dropped where the answer was cut."""
    lines = [_BULLET.sub("", line).strip() for line in answer.split("\n")]
    notes = [line for line in lines if line and not line.startswith("```")]
    return notes[:-1] if cut else notes


def verified(notes: Iterable[str], source: str) -> tuple[list[str], list[str]]:
    """Return the notes whose quotes, names and numbers all stand in ``source``, and the others."""
    numbers = set(_NUMBER.findall(source)) | set(re.findall(r"\d+", source))
    flat = " ".join(source.split())
    good: list[str] = []
    bad: list[str] = []
    for note in notes:
        (good if _is_literal(note, numbers, flat) else bad).append(note)
    return good, bad


def missing_quotes(text: str, source: str) -> list[str]:
    """Return what ``text`` puts in quotes or backticks and ``source`` does not have, case aside."""
    flat = " ".join(source.split()).casefold()
    quotes = [next(part for part in match if part) for match in _QUOTED.findall(text)]
    plain = [" ".join(quote.split()).strip(".,;:!?… ") for quote in quotes]
    return [quote for quote in plain if quote and quote.casefold() not in flat]


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
