"""Base classes for all recognisers: read lines, return facts."""

from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

from server.digests.values import Fact, Line, Part, Section

MOST_KEPT = 2_000
"""Maximum number of findings that a recogniser keeps. Any further findings are only counted."""

_Item = TypeVar("_Item")


class Ends(list[_Item]):
    """A list that keeps only its first and last elements if there are too many. ``total`` counts all elements
    ever added.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def append(self, item: _Item, /) -> None:
        """Add an element. If there are too many, drop one from the middle."""
        self.total += 1
        if len(self) >= MOST_KEPT:
            del self[MOST_KEPT // 2]
        super().append(item)


class Recogniser(ABC):
    """Reads lines and keeps the important findings for one kind of output.

    ``triggers`` are RE2 patterns. An idle recogniser is given only lines that match one of them. While it is
    ``open``, it is given every line that no earlier recogniser claimed.
    """

    name: ClassVar[str]
    triggers: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self.open = False

    @abstractmethod
    def feed(self, line: Line) -> bool:
        """Read a line. Return whether it was understood, so that no other recogniser needs it."""

    @abstractmethod
    def facts(self) -> list[Fact]:
        """Return the facts; empty if the output turns out to be of a different kind."""


def literal(line: Line, text: str | None = None, worth: int = 50) -> Part:
    """Return a part that quotes all or a piece of a line."""
    return Part((line.text if text is None else text).strip(), line.number, worth)


def computed(text: str, worth: int = 50) -> Part:
    """Return a part that is stated by the digest itself."""
    return Part(text, 0, worth)


def quote(section: Section, line: Line, worth: int) -> Fact:
    """Return a fact that quotes one whole line."""
    return Fact(section, (literal(line, worth=worth),))
