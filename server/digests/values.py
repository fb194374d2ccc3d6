"""Values passed between the stages of making a digest."""

from dataclasses import dataclass
from enum import IntEnum


class Section(IntEnum):
    """A fact's position in the digest. Sections are printed in this order."""

    RESULT = 0
    FOCUS = 1
    FAILURE = 2
    ERROR = 3
    WARNING = 4
    NOTE = 5
    REST = 6
    TAIL = 7


@dataclass(frozen=True, slots=True)
class Line:
    """An input line after cleaning. ``number`` counts from 1 in the original text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a fact.

    ``line`` is the number of the line that contains ``text`` word for word, or 0 if the digest itself
    computed the text (a count, a template, a label). Parts with a higher ``worth`` get room first.
    """

    text: str
    line: int = 0
    worth: int = 50


@dataclass(frozen=True, slots=True)
class Fact:
    """A statement in a digest: its parts, and the lines it summarises.

    ``count`` is the number of occurrences the fact stands for, and ``last`` the line of the last one. A
    ``template`` is a folded kind of line, never a quote.
    """

    section: Section
    parts: tuple[Part, ...]
    count: int = 1
    last: int = 0
    template: bool = False
    first: int = 0

    @property
    def worth(self) -> int:
        """The worth of the most valuable part."""
        return max((part.worth for part in self.parts), default=0)


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest: its text, the facts shown in it, and data about its input.

    ``recognised`` names the kinds of output found. ``lines`` is the number of input lines. ``literal`` is
    false if the input's encoding is unknown. ``fallback`` is true if the last lines and error lines say more
    than the facts.
    """

    text: str
    facts: tuple[Fact, ...]
    recognised: tuple[str, ...]
    lines: int
    literal: bool = True
    fallback: bool = False
