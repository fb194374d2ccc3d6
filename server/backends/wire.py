"""Reads data from an engine: arbitrary JSON from an arbitrary server.

An engine is a foreign program, so no type, size or encoding is trusted. Invalid data raises ``Garbled``.
Neither ``Garbled`` nor ``StreamError`` leaves this package.
"""

import json
import math
from typing import Any

LINE_LIMIT = 1 << 20
"""Maximum length of a line in a stream (bytes). Lines hold a few tokens; Ollama's own limit is 512 kB."""
STREAM_LIMIT = 256 << 20
"""Maximum size of a stream (bytes). One token's line takes 150 to 600 bytes, so more than 400,000 tokens fit.
Without a limit, an endless stream of blank lines or keep-alive messages would be read forever.
"""

MOST_CONTAINERS = 1_000_000
"""Maximum number of lists and objects in one answer. Every 3 bytes of JSON can become a 64-byte object, so
32 MB of them would exhaust memory.
"""
MOST_COUNT = 2**50
"""Largest plausible count, for sizes in bytes (1 PiB) and parameter counts. Sums of many counts stay below
SQLite's limit of 2**63.
"""
MOST_TOKENS = 1_000_000_000
"""Largest plausible number of tokens in a context or an answer."""
MOST_SLOTS = 256
"""Largest plausible number of requests that an engine processes in parallel for a model."""
MOST_SECONDS = 1_000_000.0
"""Longest plausible duration of a request, in seconds (about 12 days)."""
MOST_MODELS = 1_000
"""Maximum number of models to read from one answer. The app compares, lists and shows all of them."""
MOST_LOADED = 64
"""Maximum number of loaded models to read from one answer. Some engines need a further request for each."""
MOST_LABEL = 1_000
"""Maximum length of a displayed name, word or message (characters)."""


class Garbled(Exception):
    """The engine sent data that does not follow its protocol."""


class StreamError(Exception):
    """The engine reported a failure in the middle of a stream. The message is the engine's own."""


class LineReader:
    """Splits pieces of data into lines, dropping line endings and empty lines."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._read = 0

    def read(self, piece: bytes) -> list[str]:
        """Return the lines that ``piece`` completes.

        Raises:
            Garbled: a line is not UTF-8, or a line or the whole stream is too long.
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
        """Return a final line without a line ending. The dialect decides whether the stream is complete.

        Raises:
            Garbled: the line is not UTF-8.
        """
        text = _decoded(self._pending)
        return [text] if text else []


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in ``text``.

    Raises:
        Garbled: the text is not UTF-8, not JSON, nested too deeply, too large, or not an object.
    """
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") > MOST_CONTAINERS:
        raise Garbled(f"JSON with more than {MOST_CONTAINERS:,} lists and objects")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # ValueError includes bad UTF-8 and numbers that are too long
        raise Garbled(f"something that is not JSON: {excerpt(text)}") from None
    if not isinstance(value, dict):
        raise Garbled(f"JSON that is not an object: {excerpt(text)}")
    return value


def dump(value: dict[str, Any]) -> bytes:
    """Return ``value`` as JSON. A lone surrogate, which UTF-8 cannot encode, becomes ``?``."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class TextJoiner:
    """Decodes the pieces of one text. Some engines split a character outside the Basic Multilingual Plane
    into two pieces, each with one half of its surrogate pair.
    """

    def __init__(self) -> None:
        self._half = ""

    def read(self, value: object) -> str:
        """Return the next piece as ``text_of`` does, holding back half a pair at its end.

        Raises:
            Garbled: ``value`` is not text.
        """
        text = self._half + plain_text(value)
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return _joined(text[: len(text) - len(self._half)])

    def end(self) -> str:
        """Return anything still held back when the text ends."""
        text, self._half = self._half, ""
        return _joined(text)


def text_of(value: object) -> str:
    """Return ``value`` as a string that can be written to a file; None becomes an empty string.

    Raises:
        Garbled: ``value`` is not text.
    """
    return _joined(plain_text(value))


def plain_text(value: object) -> str:
    """Return a string unchanged, None as an empty string, and multi-part content (``[{"type": "text",
    "text": …}]``) as one string.

    Raises:
        Garbled: ``value`` is not text.
    """
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(each, str | dict) for each in value):
        parts = [each if isinstance(each, str) else each.get("text") for each in value]
        return "".join(part for part in parts if isinstance(part, str))
    if not isinstance(value, str):
        raise Garbled(f"{type(value).__name__} instead of text")
    return value


def label_of(value: object) -> str:
    """Return a name or short text for display, truncated to ``MOST_LABEL`` and stripped of control
    characters; empty if it is not a string.
    """
    if not isinstance(value, str):
        return ""
    text = text_of(value[:MOST_LABEL])
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def count_of(value: object, most: int = MOST_COUNT) -> int:
    """Return a count; 0 if it is missing, invalid or larger than ``most``."""
    number = number_of(value)
    return int(number) if number <= most else 0


def tokens_of(value: object) -> int:
    """Return a number of tokens; 0 if it is missing or implausible."""
    return count_of(value, MOST_TOKENS)


def slots_of(value: object) -> int:
    """Return the number of parallel requests; 1 if it is missing or implausible."""
    return max(1, count_of(value, MOST_SLOTS))


def seconds_of(value: object, per_second: float) -> float:
    """Convert a number in units of 1/``per_second`` second to seconds; 0 if it is missing or implausible."""
    seconds = number_of(value) / per_second
    return seconds if seconds <= MOST_SECONDS else 0.0


def number_of(value: object) -> float:
    """Return a finite, non-negative number; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    try:
        return value if value > 0 and math.isfinite(value) else 0
    except OverflowError:  # an integer too large for a float
        return 0


def object_of(value: object) -> dict[str, Any]:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list; an empty list for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def models_of(value: object) -> list[dict[str, Any]]:
    """Return the entries in a list of models, at most ``MOST_MODELS``."""
    return objects_of(value[:MOST_MODELS] if isinstance(value, list) else value)


def excerpt(text: str | bytes, length: int = 120) -> str:
    """Return the start of ``text`` in printable form, for an error message."""
    if isinstance(text, bytes):
        text = text[: 4 * length].decode("utf-8", "replace")
    shown = text[:length].encode("utf-8", "replace").decode("utf-8")
    return repr(shown) + ("…" if len(text) > length else "")


def _joined(text: str) -> str:
    """Join surrogate pairs, replacing lone halves, which cannot be encoded, with ``?``."""
    if text.isascii():
        return text
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return paired.encode("utf-8", "replace").decode("utf-8")


def _decoded(line: bytearray) -> str:
    if len(line) > LINE_LIMIT:
        raise Garbled(_LONG_LINE)
    try:
        return line.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise Garbled(f"bytes that are not UTF-8: {excerpt(bytes(line))}") from None


_LONG_LINE = f"a line of more than {LINE_LIMIT // 1024} kB"
