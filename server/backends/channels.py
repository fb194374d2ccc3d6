"""Separates channels in OpenAI's harmony format, for engines that leave its markers in the text.

A message is ``<|start|>assistant<|channel|>NAME<|message|>text<|end|>``; the first ``<|start|>assistant``
is part of the prompt. ``final`` is the answer; ``analysis`` and ``commentary`` are thoughts
(see "docs/format.md" in https://github.com/openai/harmony).
"""

import re

from server.backends.base import TextDelta

OPENINGS = ("<|channel|>", "<|start|>assistant")
"""How an answer in this format can begin."""
_MESSAGE = "<|message|>"
_ENDS = ("<|end|>", "<|return|>", "<|call|>")
_THOUGHTS = frozenset({"analysis", "commentary"})
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_LONGEST_HEADER = 2_000
"""Number of characters after which an unterminated header is treated as text."""


class ChannelSplitter:
    """Splits a text stream in this format into thoughts and answer. Pieces can break anywhere."""

    def __init__(self) -> None:
        self._held = ""
        self._in_header = True
        self._thinking = False

    def feed(self, text: str) -> list[TextDelta]:
        """Consume a piece and return the text whose channel is now known."""
        self._held += text
        deltas: list[TextDelta] = []
        while True:
            before = len(self._held)
            deltas += self._header() if self._in_header else self._body()
            if not self._held or len(self._held) == before:
                return [each for each in deltas if each.text]

    def finish(self) -> list[TextDelta]:
        """Return any text still held back when the stream ends."""
        held, self._held = self._held, ""
        if self._in_header and (not held.strip() or held.lstrip().startswith("<|")):
            return []
        return [TextDelta(held, thinking=self._thinking and not self._in_header)] if held else []

    def _header(self) -> list[TextDelta]:
        header, found, rest = self._held.partition(_MESSAGE)
        if found:
            channel = _CHANNEL.search(header)
            self._thinking = channel is not None and channel[1] in _THOUGHTS
            self._in_header, self._held = False, rest
        elif len(header) > _LONGEST_HEADER:
            self._thinking = self._in_header = False
        return []

    def _body(self) -> list[TextDelta]:
        ends = [(at, end) for end in _ENDS if (at := self._held.find(end)) >= 0]
        if ends:
            at, end = min(ends)
            text, self._held = self._held[:at], self._held[at + len(end) :]
            self._in_header = True
            return [TextDelta(text, thinking=self._thinking)]
        keep = max(overlap(self._held, end) for end in _ENDS)
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [TextDelta(text, thinking=self._thinking)]


def overlap(text: str, tag: str) -> int:
    """Return the number of characters at the end of ``text`` that could be the start of ``tag``."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)
