"""Reading what an engine sends: JSON that may be anything, from a server that may be anything.

An engine is a foreign program. Nothing here trusts a type, a size or an encoding; what is not as it
should be becomes ``Garbled``. Neither that nor ``StreamError`` leaves this package.
"""

import json
import math
from typing import Any

LINE_LIMIT = 1 << 20
"""Longest line of a stream, in bytes. A line holds a token or a few; Ollama's own limit is 512 kB."""
STREAM_LIMIT = 256 << 20
"""Longest stream, in bytes. A line for one token takes some 150 to 600 bytes, so that this is more than
400,000 tokens; without it, empty lines or signs of life would be read for ever."""

MOST_CONTAINERS = 1_000_000
"""Lists and objects in one answer: 3 bytes of JSON make an object of 64, so that 32 MB of them are a bomb."""


class Garbled(Exception):
    """The engine sent something that is not what its protocol says."""


class StreamError(Exception):
    """The engine says in the middle of a stream that it failed; the text is its own."""


class LineReader:
    """Splits what comes in pieces into lines, without their ends and without empty ones."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._read = 0

    def read(self, piece: bytes) -> list[str]:
        """Return the lines that ``piece`` completes.

        Raises:
            Garbled: a line is not UTF-8, or a line or the whole is too long.
        """
        self._read += len(piece)
        if self._read > STREAM_LIMIT:
            raise Garbled(f"an answer of more than {STREAM_LIMIT >> 20} MB")
        self._pending += piece
        lines: list[bytearray] = []
        if b"\n" in piece:
            *lines, self._pending = self._pending.split(b"\n")
        if len(self._pending) > LINE_LIMIT:
            raise Garbled(_LONG_LINE)
        return [text for line in lines if (text := _decoded(line))]

    def end(self) -> list[str]:
        """Return a last line that has no end: it is for the dialect to know whether the stream is whole.

        Raises:
            Garbled: it is not UTF-8.
        """
        text = _decoded(self._pending)
        return [text] if text else []


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in ``text``.

    Raises:
        Garbled: it is not UTF-8, not JSON, nested too deep or too often, or not an object.
    """
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") > MOST_CONTAINERS:
        raise Garbled(f"JSON of more than {MOST_CONTAINERS:,} lists and objects")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # ValueError also covers bad UTF-8 and numbers of absurd length
        raise Garbled(f"something that is not JSON: {excerpt(text)}") from None
    if not isinstance(value, dict):
        raise Garbled(f"JSON that is not an object: {excerpt(text)}")
    return value


def dump(value: dict[str, Any]) -> bytes:
    """Return ``value`` as JSON. Half of a surrogate pair, which UTF-8 cannot hold, becomes ``?``."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def text_of(value: object) -> str:
    """Return a string that can be written to a file; empty for None.

    Raises:
        Garbled: ``value`` is neither a string nor None.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Garbled(f"{type(value).__name__} where text belongs")
    # JSON can smuggle in half of a surrogate pair as \ud800, which no encoder takes.
    return value.encode("utf-8", "replace").decode("utf-8")


def label_of(value: object) -> str:
    """Return a name or word for showing, with blanks for what would steer a terminal; empty for none."""
    if not isinstance(value, str):
        return ""
    text = text_of(value)
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def count_of(value: object) -> int:
    """Return a count, 0 where there is none or it makes no sense."""
    number = number_of(value)
    return int(number) if number < 2**63 else 0


def number_of(value: object) -> float:
    """Return a finite number of at least 0, else 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    try:
        return value if value > 0 and math.isfinite(value) else 0
    except OverflowError:  # an integer beyond what a float holds
        return 0


def object_of(value: object) -> dict[str, Any]:
    """Return an object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, an empty list where there is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def excerpt(text: str | bytes, length: int = 120) -> str:
    """Return the beginning of ``text``, printable, for an error message."""
    if isinstance(text, bytes):
        text = text[: 4 * length].decode("utf-8", "replace")
    shown = text[:length].encode("utf-8", "replace").decode("utf-8")
    return repr(shown) + ("…" if len(text) > length else "")


def _decoded(line: bytearray) -> str:
    if len(line) > LINE_LIMIT:
        raise Garbled(_LONG_LINE)
    try:
        return line.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise Garbled(f"bytes that are not UTF-8: {excerpt(bytes(line))}") from None


_LONG_LINE = f"a line of more than {LINE_LIMIT // 1024} kB"
