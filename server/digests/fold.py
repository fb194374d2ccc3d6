"""Folds lines that differ only in details, keeping their common part, their number and their place."""

import re
from collections.abc import Sequence

_VARYING = re.compile(
    r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|\b0x[0-9a-fA-F]+\b|\b[0-9a-f]{12,64}\b|"
    r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,11}\b|\d+"
)
_TOKEN = re.compile(r"[\w.:/\\@+-]+|\s+|.")
VARIED = "*"
"""Placeholder in a template for words that vary."""
MOST_TOKENS = 400


def key_of(text: str) -> str:
    """Return what lines of one kind have in common: the text without numbers, hashes and addresses."""
    return _VARYING.sub("#", text)


def tokens_of(text: str) -> list[str]:
    """Return the words, spaces and signs of a line."""
    return _TOKEN.findall(text[: MOST_TOKENS * 10])[:MOST_TOKENS]


class Kind:
    """Lines of one kind: a running count, and a template that keeps every word that never changed."""

    __slots__ = ("_template", "count", "first", "last", "members", "text")

    def __init__(self, number: int, text: str) -> None:
        self.first = self.last = number
        self.text = text
        self.count = 1
        self.members: dict[str, int] = {text: number}
        self._template: list[str] | None = None

    def add(self, number: int, text: str, most_members: int) -> None:
        """Count one more line. Up to ``most_members`` distinct lines are kept."""
        self.count += 1
        self.last = number
        if text == self.text:
            return
        if len(self.members) < most_members:
            self.members.setdefault(text, number)
        if self._template is None:
            self._template = tokens_of(self.text)
        _vary(self._template, tokens_of(text))

    @property
    def varies(self) -> bool:
        """Return whether the lines of this kind differ at all."""
        return self._template is not None

    @property
    def template(self) -> str:
        """The words that all lines of this kind share. Other words are shown as ``*``."""
        if self._template is None:
            return self.text
        return re.sub(r"\*(?:[ ,;]?\*)+", VARIED, "".join(self._template))


def _vary(template: list[str], tokens: Sequence[str]) -> None:
    if len(template) != len(tokens):
        _vary_lengths(template, tokens)
        return
    for index, (kept, token) in enumerate(zip(template, tokens, strict=True)):
        if kept != token:
            template[index] = VARIED


def _vary_lengths(template: list[str], tokens: Sequence[str]) -> None:
    """Keep the common beginning and the common end."""
    most = min(len(template), len(tokens))
    head = next((i for i in range(most) if template[i] != tokens[i]), most)
    tail = next((i for i in range(most - head) if template[-1 - i] != tokens[-1 - i]), most - head)
    template[head : len(template) - tail] = [VARIED]
