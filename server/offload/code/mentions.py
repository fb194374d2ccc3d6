"""Looks for a program's names in the text of a task."""

import itertools
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property

_SIGNS = "_-./@"
"""Characters that occur in names but not in ordinary words."""


@dataclass(frozen=True)
class Mentions:
    """Looks up names in a single text, in any natural language.

    A name is found where it stands as a separate word. In scripts that put no spaces between words, such as
    Japanese and Chinese, names directly adjoin other characters.
    """

    text: str
    _parts: dict[str, bool] = field(init=False, repr=False, compare=False, default_factory=dict)

    def has(self, name: str) -> bool:
        """Return whether the text contains the name as a word."""
        return bool(self._words(name))

    def has_unqualified(self, name: str) -> bool:
        """Return whether the text contains the name as a word that is not the end of a longer dotted name."""
        return any(self.text[at - 1 : at] != "." for at in self._words(name))

    def has_as_code(self, name: str) -> bool:
        """Return whether the text has the name in backticks, with parentheses, or in a form no ordinary word
        has.
        """
        spans = (each.strip().removesuffix("()") for each in self.text.split("`")[1::2])
        if name and any(each == name or each.endswith(f".{name}") for each in spans):
            return True
        places = [at for at in self._words(name) if self.text[at - 1 : at] != "."]
        return any(_is_unmistakable(name) or self.text[at + len(name) :][:1] == "(" for at in places)

    def has_part(self, part: str) -> bool:
        """Return whether the text contains a part of a name, in lower case: as a word or inside another
        name.
        """
        known = self._parts.get(part)
        if known is None:
            places = _places(self._lower, part)
            known = any(self._is_border(at) and self._is_border(at + len(part)) for at in places)
            self._parts[part] = known
        return known

    @cached_property
    def _lower(self) -> str:
        """The text in lower case, at its original length."""
        return "".join(each.lower() if len(each.lower()) == 1 else each for each in self.text)

    def _words(self, name: str) -> list[int]:
        """Return the positions where a name occurs as a complete word."""
        before, text = f" {self.text}", f"{self.text} "
        return [
            at
            for at in _places(self.text, name)
            if not _continues(before[at], name[0]) and not _continues(name[-1], text[at + len(name)])
        ]

    def _is_border(self, at: int) -> bool:
        """Return whether a word, or part of a ``camelCase`` or ``snake_case`` name, begins or ends here."""
        before, after, follows = list(f" {self.text}  "[at : at + 3])
        if not _continues(before, after) or "_" in (before, after) or before.isalpha() != after.isalpha():
            return True
        return after.isupper() and (before.islower() or follows.islower())


def _places(text: str, name: str) -> list[int]:
    found: list[int] = []
    at = text.find(name) if name else -1
    while at >= 0:
        found.append(at)
        at = text.find(name, at + 1)
    return found


def _continues(one: str, other: str) -> bool:
    """Return whether two adjacent characters belong to one word. Characters in wide scripts never do."""
    return all(
        (each.isalnum() or each == "_") and unicodedata.east_asian_width(each) not in ("W", "F")
        for each in (one, other)
    )


def _is_unmistakable(name: str) -> bool:
    """Return whether a name looks like no ordinary word: it has a capital letter, digit or sign inside."""
    if any(
        one.islower() and one.isascii() and (other.isupper() or other.isdigit())
        for one, other in itertools.pairwise(name)
    ):
        return True
    threes = zip(name, name[1:], name[2:], strict=False)
    return any(sign in _SIGNS and one.isalnum() and other.isalnum() for one, sign, other in threes)
