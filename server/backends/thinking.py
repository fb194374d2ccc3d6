"""Keeping what a reasoning model thinks aloud apart from its answer.

Most engines send thoughts in a field of their own. Some leave them in the text, between tags at its
very beginning; tags further on belong to the answer (a task may be about such tags).
"""

from server.backends.base import TextDelta

TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
)
"""Opening and closing tags in use: DeepSeek and Qwen, Granite, EXAONE and Gemma, Seed, Magistral."""

MOST_BLANK = 1000
"""Blank characters at the beginning after which no thought is waited for any more: each piece is looked at
together with all of them."""


class ThinkingSplitter:
    """Splits a stream of text into thoughts and answer. Pieces may break anywhere, also within a tag."""

    def __init__(self) -> None:
        self._held = ""
        self._closing: str | None = None
        self._decided = False
        self._trims = False

    def feed(self, text: str) -> list[TextDelta]:
        """Return what is certain so far."""
        if self._decided and self._closing is None:
            return self._answer(text)
        self._held += text
        return self._in_thought() if self._decided else self._at_start()

    def finish(self) -> list[TextDelta]:
        """Return what was held back, at the end of the stream."""
        held, self._held = self._held, ""
        return [TextDelta(held, thinking=self._closing is not None)] if held else []

    def _at_start(self) -> list[TextDelta]:
        begun = self._held.lstrip()
        if len(self._held) - len(begun) > MOST_BLANK:
            self._decided = True
            return self.finish()
        for opening, closing in TAGS:
            if begun.startswith(opening):
                self._decided, self._closing = True, closing
                self._held = begun.removeprefix(opening)
                return self._in_thought()
        if any(opening.startswith(begun) for opening, _ in TAGS):
            return []
        self._decided = True
        return self.finish()

    def _in_thought(self) -> list[TextDelta]:
        closing = self._closing or ""
        thought, found, answer = self._held.partition(closing)
        if found:
            self._held, self._closing, self._trims = "", None, True
            thoughts = [TextDelta(thought, thinking=True)] if thought else []
            return thoughts + self._answer(answer)
        keep = _overlap(self._held, closing)
        certain, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [TextDelta(certain, thinking=True)] if certain else []

    def _answer(self, text: str) -> list[TextDelta]:
        """Return a part of the answer, without the empty lines that part it from the thoughts."""
        if self._trims:
            text = text.lstrip("\r\n")
            self._trims = not text
        return [TextDelta(text)] if text else []


def _overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of ``text`` may be the beginning of ``tag``."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)
