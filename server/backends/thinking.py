"""Separates a reasoning model's thoughts from its answer.

Most engines send thoughts in a separate field. Others leave them in the text, between tags at the very start.
Any later tags are part of the answer, which may itself be about such tags.
"""

from server.backends.base import TextDelta
from server.backends.channels import OPENINGS, ChannelSplitter, overlap

TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel>thought", "<channel|>"),
)
"""Opening and closing tags in use: DeepSeek and Qwen, Granite, EXAONE and Gemma 3, Seed, Magistral, Gemma
4."""

MOST_BLANK = 1000
"""Number of leading whitespace characters after which thoughts are no longer expected. It is limited because
each new piece is checked together with all of them.
"""


class ThinkingSplitter:
    """Splits a text stream into thoughts and answer. Pieces can break anywhere, even within a tag."""

    def __init__(self) -> None:
        self._held = ""
        self._closing: str | None = None
        self._decided = False
        self._trim = False
        self._channels: ChannelSplitter | None = None

    def feed(self, text: str) -> list[TextDelta]:
        """Consume a piece and return the text now known to be thoughts or answer."""
        if self._channels is not None:
            return self._channels.feed(text)
        if self._decided and self._closing is None:
            return self._answer(text)
        self._held += text
        return self._in_thought() if self._decided else self._at_start()

    def finish(self) -> list[TextDelta]:
        """Return any text still held back when the stream ends."""
        if self._channels is not None:
            return self._channels.finish()
        held, self._held = self._held, ""
        return [TextDelta(held, thinking=self._closing is not None)] if held else []

    def _at_start(self) -> list[TextDelta]:
        start = self._held.lstrip()
        if len(self._held) - len(start) > MOST_BLANK:
            self._decided = True
            return self.finish()
        for opening, closing in TAGS:
            if start.startswith(opening):
                self._decided, self._closing = True, closing
                self._held = start.removeprefix(opening)
                return self._in_thought()
        if start.startswith(OPENINGS):
            self._decided, self._channels = True, ChannelSplitter()
            self._held = ""
            return self._channels.feed(start)
        if any(opening.startswith(start) for opening in (*(opening for opening, _ in TAGS), *OPENINGS)):
            return []
        self._decided = True
        return self.finish()

    def _in_thought(self) -> list[TextDelta]:
        closing = self._closing or ""
        thought, found, answer = self._held.partition(closing)
        if found:
            self._held, self._closing, self._trim = "", None, True
            thoughts = [TextDelta(thought, thinking=True)] if thought else []
            return thoughts + self._answer(answer)
        keep = overlap(self._held, closing)
        certain, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [TextDelta(certain, thinking=True)] if certain else []

    def _answer(self, text: str) -> list[TextDelta]:
        """Return part of the answer, without the blank lines between the thoughts and the answer."""
        if self._trim:
            text = text.lstrip("\r\n")
            self._trim = not text
        return [TextDelta(text)] if text else []
