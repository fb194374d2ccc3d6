"""Decodes and encodes text files, preserving encoding, byte order mark and line endings in a round trip."""

import bisect
import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

from server.common.errors import BinaryFile
from server.offload.code.line_diff import differing_spans
from server.offload.values import Edit

_UTF16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Control characters that occur in text files: tab, line feed, form feed, carriage return, escape (logs).
_ALLOWED_CONTROLS = frozenset("\t\n\f\r\x1b\x08\v")


_DECLARED = (
    re.compile(rb"\A(?:[^\n]*\n)?[^\n]*?coding[:=][ \t]*([-\w.]+)"),  # PEP 263, Emacs, Vim
    re.compile(rb"\A\s*<\?xml[^>]*?encoding\s*=\s*[\"']([-\w.]+)[\"']"),
    re.compile(rb"\A[\s\S]{0,1024}?<meta[^>]*?charset\s*=\s*[\"']?([-\w.]+)", re.IGNORECASE),
    re.compile(rb"\A@charset[ ]+\"([-\w.]+)\";"),
)
SURE_BYTES = 64
"""Number of non-ASCII bytes above which a detected encoding is considered certain."""
_LONG, _DOUBLE = re.compile(r"\r\n"), re.compile(r"\r?\r\n")


@dataclass(frozen=True)
class Decoded:
    """A file's text with ``\n`` line endings.

    ``newline`` is the ending of most lines. ``guessed`` means that neither a declaration nor the bytes
    determine the encoding.
    """

    text: str
    encoding: str
    bom: bool
    newline: str
    guessed: bool = False


def decode(data: bytes, shown: str) -> Decoded:
    """Return the text of ``data``.

    Raises:
        BinaryFile: no known encoding decodes the bytes and encodes the text back to them.
    """
    encoding, bom, guessed = _encoding(data, shown)
    raw = _to_text(data, encoding, bom)
    return Decoded(_short(raw), encoding, bom, _usual_newline(raw), guessed)


def unencodable(added: str, before: str, encoding: str, *, guessed: bool) -> str:
    """Return why the added text cannot be written in a file's encoding, or an empty string if it can."""
    try:
        added.encode(encoding)
    except UnicodeEncodeError as error:
        return f"The file is encoded as {encoding}, which has no {error.object[error.start]!r}; leave it out."
    if guessed:
        new = next((sign for sign in added if sign > "\x7f" and sign not in before), "")
        if new:
            return f"The file declares no encoding, so {new!r} cannot be written; use ASCII."
    return ""


def encode(text: str, encoding: str, bom: bool, newline: str, shown: str) -> bytes:
    """Return the bytes of ``text`` (``\\n`` line endings) as the whole content of a file.

    Raises:
        BinaryFile: the encoding lacks a character of the text.
    """
    return _to_bytes(text.replace("\r\n", "\n").replace("\n", newline), encoding, bom, shown)


def apply_edits(data: bytes, edits: Iterable[Edit], shown: str) -> bytes:
    """Return ``data`` with each span replaced. Bytes outside the spans are unchanged.

    Raises:
        BinaryFile: the encoding lacks a character of a replacement.
    """
    decoded = decode(data, shown)
    raw = _to_text(data, decoded.encoding, decoded.bom)
    at = _RawOffsets(raw, _ending(raw))
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
    """Return the text with the line endings and byte order mark it has on disk.

    Raises:
        BinaryFile: as in ``decode``.
    """
    encoding, _, _ = _encoding(data, shown)
    return data.decode(encoding)


def edits_between(before: str, after: str) -> tuple[Edit, ...]:
    """Return the smallest whole-line edits that turn ``before`` into ``after``.

    Unchanged lines in a file with mixed line endings therefore keep their endings.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    return tuple(Edit(starts[a], starts[b], "".join(new[c:d])) for a, b, c, d in differing_spans(old, new))


def _encoding(data: bytes, shown: str) -> tuple[str, bool, bool]:
    """Return the encoding, whether there is a byte order mark, and whether the encoding is a guess."""
    marked = next((name for mark, name in _UTF16 if data.startswith(mark)), None)
    if data.startswith(codecs.BOM_UTF8):
        marked = "utf-8"
    if marked is not None:
        candidates = [(marked, False)]
    else:
        detected = _detected(data)
        candidates = [
            *((name, False) for name in (_declared(data), "utf-8") if name),
            *(each for each in detected if not each[1]),
            ("cp1252", True),
            *detected,
        ]
    for encoding, guessed in candidates:
        try:
            text = _to_text(data, encoding, marked is not None)
        except (UnicodeDecodeError, LookupError):
            continue
        if _is_text(text) and _to_bytes(text, encoding, marked is not None, shown) == data:
            return encoding, marked is not None, guessed
    raise BinaryFile(f"{shown} is not a text file.", "Name only text files.")


def _declared(data: bytes) -> str:
    """Return the encoding that a file declares, or an empty string if it declares no known one."""
    for pattern in _DECLARED:
        if (found := pattern.search(data[:2_048])) is not None:
            try:
                return codecs.lookup(found[1].decode("ascii")).name
            except (LookupError, UnicodeDecodeError):
                continue
    return ""


def _detected(data: bytes) -> list[tuple[str, bool]]:
    """Return the encoding that the bytes suggest. Only call this for files that are not UTF-8."""
    beyond = sum(1 for byte in data if byte > 0x7F)
    if not beyond or _is_utf8(data):
        return []
    from charset_normalizer import from_bytes  # noqa: PLC0415 - for the few files that need it

    best = from_bytes(data[:200_000]).best()
    if best is None or best.encoding.startswith(("utf_16", "utf_32", "utf_7")):
        return []
    return [(best.encoding, beyond < SURE_BYTES or best.chaos > 0.1)]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_text(text: str) -> bool:
    return not any(c < " " and c not in _ALLOWED_CONTROLS for c in set(text))


def _ending(raw: str) -> re.Pattern[str] | None:
    """Return a pattern for the text's longer line endings. Return None if only ``\r`` ends its lines."""
    if "\n" not in raw and "\r" in raw:
        return None
    return _DOUBLE if raw.count("\r\r\n") * 2 > raw.count("\n") else _LONG


def _short(raw: str) -> str:
    """Return the text with ``\n`` in place of each line ending."""
    ending = _ending(raw)
    return raw.replace("\r", "\n") if ending is None else ending.sub("\n", raw)


def _usual_newline(raw: str) -> str:
    ending = _ending(raw)
    if ending is None:
        return "\r"
    if ending is _DOUBLE:
        return "\r\r\n"
    return "\r\n" if raw.count("\r\n") * 2 > raw.count("\n") else "\n"


def _newline_of(raw: str) -> str:
    """Return the line ending shared by all lines of ``raw``, or an empty string if there are none or several
    kinds.
    """
    if "\r\r\n" in raw or "\n" not in raw:
        return ""
    long, all_lines = raw.count("\r\n"), raw.count("\n")
    if 0 < long < all_lines:
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

    def __init__(self, raw: str, ending: re.Pattern[str] | None) -> None:
        self._positions: list[int] = []
        self._extra = [0]
        if ending is None:
            return
        for found in ending.finditer(raw):
            # The offset of this line's end in the text with short endings.
            self._positions.append(found.start() - self._extra[-1])
            self._extra.append(self._extra[-1] + len(found[0]) - 1)

    def __call__(self, offset: int) -> int:
        """Return the corresponding offset: each longer ending before the offset adds its extra characters."""
        return offset + self._extra[bisect.bisect_left(self._positions, offset)]
