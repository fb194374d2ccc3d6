"""Writes a kept text, removing secrets and colours before any bytes reach the disk."""

import codecs
from collections.abc import Iterable
from typing import BinaryIO

from server.digests.clean import without_escapes
from server.digests.decode import marked_encoding
from server.policy.secrets.stream import StreamRedactor

_PROBE = 4_096


class KeptWriter:
    """Takes the bytes of some output piece by piece, and returns the whole text as it was kept.

    Line numbers are preserved. UTF-16 and UTF-32 text is kept as UTF-8. Other bytes are unchanged.
    """

    def __init__(self, handle: str, file: BinaryIO, known: Iterable[str] = ()) -> None:
        self.handle = handle
        self.is_discarded = False
        self._file = file
        self._redactor = StreamRedactor(known)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._first = b""
        self._is_whole = False

    def write(self, data: bytes) -> None:
        """Add bytes to the text.

        Raises:
            OSError: the disk is full.
        """
        if self._decoder is None:
            self._first += data
            if len(self._first) < _PROBE:
                return
            data, self._first = self._first, b""
            self._decoder = _decoder_for(data)
        self._keep(self._redactor.feed(self._decoder.decode(data)))

    def whole(self) -> BinaryIO:
        """Write what is left, and return the file positioned at its beginning. No more bytes can be added.

        Raises:
            OSError: the disk is full.
        """
        if not self._is_whole:
            decoder = self._decoder or _decoder_for(self._first)
            rest = decoder.decode(self._first, final=True)
            self._keep(self._redactor.feed(rest) + self._redactor.finish())
            self._file.flush()
            self._is_whole = True
        self._file.seek(0)
        return self._file

    def discard(self) -> None:
        """Mark the text to be removed when its ``with`` block ends."""
        self.is_discarded = True

    def _keep(self, text: str) -> None:
        self._file.write(without_escapes(text).encode("utf-8", "surrogateescape"))


def _decoder_for(probe: bytes) -> codecs.IncrementalDecoder:
    marked = marked_encoding(probe)
    if marked:
        return codecs.getincrementaldecoder(marked)("replace")
    return codecs.getincrementaldecoder("utf-8")("surrogateescape")
