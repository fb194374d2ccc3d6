"""Decoding and encoding of text files. Encoding, byte order mark and line endings survive the round trip."""

import bisect
import codecs
import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from server.common.errors import BinaryFile
from server.offload.values import Edit

_UTF16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Control characters that occur in text files: tab, line feed, form feed, carriage return, escape (logs).
_ALLOWED_CONTROLS = frozenset("\t\n\f\r\x1b\x08\v")


@dataclass(frozen=True)
class Decoded:
    """The text of a file with ``\\n`` line endings. ``newline`` is the ending of most lines on disk."""

    text: str
    encoding: str
    bom: bool
    newline: str


def decode(data: bytes, shown: str) -> Decoded:
    """Return the text of ``data``.

    Raises:
        BinaryFile: no known encoding decodes the bytes and encodes the text back to them.
    """
    encoding, bom = _encoding(data, shown)
    raw = _to_text(data, encoding, bom)
    crlf = raw.count("\r\n")
    newline = "\r\n" if crlf * 2 > raw.count("\n") else "\n"
    return Decoded(raw.replace("\r\n", "\n"), encoding, bom, newline)


def encode(text: str, encoding: str, bom: bool, newline: str, shown: str) -> bytes:
    """Return the bytes of ``text`` (``\\n`` line endings) as the whole content of a file.

    Raises:
        BinaryFile: the encoding lacks a character of the text.
    """
    return _to_bytes(text.replace("\r\n", "\n").replace("\n", newline), encoding, bom, shown)


def apply_edits(data: bytes, edits: Iterable[Edit], shown: str) -> bytes:
    """Return ``data`` with each span replaced. Every byte outside the spans stays as it is.

    Raises:
        BinaryFile: the encoding lacks a character of a replacement.
    """
    decoded = decode(data, shown)
    raw = _to_text(data, decoded.encoding, decoded.bom)
    at = _RawOffsets(raw)
    parts: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda each: each.start):
        start, end = at(edit.start), at(edit.end)
        newline = _newline_of(raw[start:end]) or decoded.newline
        parts += [raw[done:start], edit.text.replace("\r\n", "\n").replace("\n", newline)]
        done = end
    parts.append(raw[done:])
    return _to_bytes("".join(parts), decoded.encoding, decoded.bom, shown)


def raw_text(data: bytes, shown: str) -> str:
    """Return the text with its line endings and byte order mark as on disk.

    Raises:
        BinaryFile: as ``decode``.
    """
    encoding, _ = _encoding(data, shown)
    return data.decode(encoding)


def is_utf16(data: bytes) -> bool:
    """Whether the data starts with a UTF-16 byte order mark, as PowerShell's logs do."""
    return data.startswith(tuple(mark for mark, _ in _UTF16))


def edits_between(before: str, after: str) -> tuple[Edit, ...]:
    """Return the smallest edits, in whole lines, that turn ``before`` into ``after``.

    A file with mixed line endings thus keeps the endings of all unchanged lines.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return tuple(
        Edit(starts[i1], starts[i2], "".join(new[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    )


def _encoding(data: bytes, shown: str) -> tuple[str, bool]:
    if data.startswith(codecs.BOM_UTF8):
        candidates, bom = ["utf-8"], True
    else:
        wide = next((name for mark, name in _UTF16 if data.startswith(mark)), None)
        candidates, bom = ([wide], True) if wide else (["utf-8", "cp1252"], False)
    for encoding in candidates:
        try:
            text = _to_text(data, encoding, bom)
        except UnicodeDecodeError:
            continue
        if _is_text(text) and _to_bytes(text, encoding, bom, shown) == data:
            return encoding, bom
    raise BinaryFile(f"{shown} is not a text file.", "Name text files only.")


def _is_text(text: str) -> bool:
    return not any(c < " " and c not in _ALLOWED_CONTROLS for c in set(text))


def _newline_of(raw: str) -> str:
    """Return the line ending that all lines of ``raw`` share, empty if there is none or if they are mixed."""
    long, all_lines = raw.count("\r\n"), raw.count("\n")
    if all_lines == 0 or 0 < long < all_lines:
        return ""
    return "\r\n" if long else "\n"


def _to_text(data: bytes, encoding: str, bom: bool) -> str:
    mark = len("\ufeff".encode(encoding)) if bom else 0
    return data[mark:].decode(encoding)


def _to_bytes(text: str, encoding: str, bom: bool, shown: str) -> bytes:
    try:
        return (("\ufeff" if bom else "") + text).encode(encoding)
    except UnicodeEncodeError as error:
        raise BinaryFile(
            f"{shown} is encoded as {encoding}, which lacks {error.object[error.start]!r}.",
            "Convert the file to UTF-8, or ask for characters that the encoding has.",
        ) from None


class _RawOffsets:
    """Maps offsets in the text with ``\\n`` endings to offsets in the text on disk."""

    def __init__(self, raw: str) -> None:
        self._positions: list[int] = []
        position = raw.find("\r\n")
        while position >= 0:
            # The offset of this line's end in the text with ``\n`` endings.
            self._positions.append(position - len(self._positions))
            position = raw.find("\r\n", position + 2)

    def __call__(self, offset: int) -> int:
        """Return the offset on disk: one more for each ``\\r\\n`` before it."""
        return offset + bisect.bisect_left(self._positions, offset)
