"""Base of all recognisers: reads lines, returns facts."""

from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

from server.digests.values import Fact, Line, Part, Section

MOST_KEPT = 2_000
"""Maximum number of findings that a recogniser keeps. Further findings are only counted."""

_Item = TypeVar("_Item")


class Ends(list[_Item]):
    """A list that keeps the first and the last elements if there are too many. ``total`` counts all added
    elements.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def append(self, item: _Item, /) -> None:
        """Add an element. If there are too many, an element in the middle is dropped."""
        self.total += 1
        if len(self) >= MOST_KEPT:
            del self[MOST_KEPT // 2]
        super().append(item)


class Recogniser(ABC):
    """Reads lines and keeps the important findings of one kind of output.

    ``triggers`` are RE2 patterns. An idle recogniser receives only lines that match one of them. A recogniser
    that is ``open`` receives every line that no earlier recogniser claimed.
    """

    name: ClassVar[str]
    triggers: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self.open = False

    @abstractmethod
    def feed(self, line: Line) -> bool:
        """Read a line. Return whether the line was understood, so that no other recogniser needs it."""

    @abstractmethod
    def facts(self) -> list[Fact]:
        """Return the facts; empty if the output turns out to be of another kind."""


def literal(line: Line, text: str | None = None, worth: int = 50) -> Part:
    """Return a part that quotes a line or a piece of it."""
    return Part((line.text if text is None else text).strip(), line.number, worth)


def computed(text: str, worth: int = 50) -> Part:
    """Return a part that the digest itself states."""
    return Part(text, 0, worth)


def quote(section: Section, line: Line, worth: int) -> Fact:
    """Return a fact that is one whole line."""
    return Fact(section, (literal(line, worth=worth),))
