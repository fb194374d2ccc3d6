"""Redacts text that arrives in pieces, preserving line numbers."""

import re
from collections.abc import Iterable

from server.policy.secrets.redact import redact

PIECE = 32_000
"""Number of characters searched at a time, which takes about 15 ms."""
LONGEST_LINE = 200_000
"""Maximum line length (characters). A longer line is split at its last space, and the first part is searched.
"""
LONGEST_BLOCK = 25_000
"""Maximum length of a private key (characters). After its first line, up to this much text is buffered before
searching.
"""

_BLOCK = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY|PuTTY-User-Key-File-[23]:")
_BLOCK_END = re.compile(r"-----END [A-Z0-9 ]{0,40}-----|Private-MAC:[^\n]*\n")


class StreamRedactor:
    """Removes secrets from text piece by piece.

    Pieces are released at the end of a line, never within a private key. ``known`` holds values known to be
    secret.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = tuple(known)
        self._waiting = ""

    def feed(self, text: str) -> str:
        """Add more text. Return the part now known to be free of secrets."""
        self._waiting += text
        released = []
        while len(self._waiting) >= PIECE and (end := self._end()):
            released.append(self._redacted(self._waiting[:end]))
            self._waiting = self._waiting[end:]
        return "".join(released)

    def finish(self) -> str:
        """Return the rest of the text without secrets."""
        rest, self._waiting = self._waiting, ""
        return "".join(
            self._redacted(rest[start : start + LONGEST_LINE]) for start in range(0, len(rest), LONGEST_LINE)
        )

    def _end(self) -> int:
        """Return the end of the next piece; 0 if more text is needed first."""
        text = self._waiting
        end = text.rfind("\n", 0, max(PIECE, LONGEST_BLOCK)) + 1
        if not end:
            if len(text) < LONGEST_LINE:
                return text.find("\n") + 1
            return text.rfind(" ", 0, LONGEST_LINE) + 1 or LONGEST_LINE
        start = next((found.start() for found in _BLOCK.finditer(text, 0, end)), -1)
        if start < 0:
            return end
        closed = _BLOCK_END.search(text, start, start + LONGEST_BLOCK)
        if closed is not None:
            return max(end, text.find("\n", closed.end()) + 1 or len(text))
        if start:
            return start
        return 0 if len(text) < LONGEST_BLOCK + PIECE else end

    def _redacted(self, text: str) -> str:
        return redact(text, self._known, keep_lines=True).text
