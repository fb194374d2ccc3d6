"""Decodes tool output or a file to text, using the byte order mark, the declared encoding or detection."""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_PROBE = 8_192
_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"^[^\n]{0,80}coding[:=][ \t]*([-\w.]+)|<\?xml[^>]{0,80}encoding=[\"']([-\w.]+)|"
    rb"<meta[^>]{0,80}charset=[\"']?([-\w.]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding, and whether it is certain to decode the text correctly."""

    name: str
    certain: bool


def encoding_of(file: BinaryIO) -> Encoding:
    """Return the encoding of a seekable file, and rewind the file to its beginning."""
    probe = file.read(_PROBE)
    file.seek(0)
    if marked := marked_encoding(probe):
        return Encoding(marked, certain=True)
    declared = _declared(probe)
    for name in (declared, "utf-8"):
        if name and _decodes(file, name):
            return Encoding(name, certain=True)
    if b"\0" not in probe and _decodes(file, "cp1252"):
        return Encoding("cp1252", certain=True)
    return Encoding("utf-8", certain=False)


def marked_encoding(probe: bytes) -> str:
    """Return the encoding revealed by a byte order mark or zeros in the first bytes; otherwise empty."""
    marked = next((name for mark, name in _MARKS if probe.startswith(mark)), "")
    return marked or _without_mark(probe)


def decoded_lines(file: BinaryIO, encoding: Encoding) -> Iterator[str]:
    """Yield the lines of a file without line feeds. Lines over 1 MB are cut there."""
    text = io.TextIOWrapper(file, encoding.name, errors="replace", newline="\n")
    try:
        within = False
        while piece := text.readline(_CHUNK):
            if not within:
                yield piece.removesuffix("\n")
            within = not piece.endswith("\n")
    finally:
        text.detach()


def _without_mark(probe: bytes) -> str:
    """Return the UTF-16 variant of the text without a byte order mark. In mostly ASCII text, every other byte
    is zero.
    """
    half = len(probe) // 2
    if half < 8:
        return ""
    if probe[1::2].count(0) > half * 0.7 and probe[::2].count(0) < half * 0.1:
        return "utf-16-le"
    if probe[::2].count(0) > half * 0.7 and probe[1::2].count(0) < half * 0.1:
        return "utf-16-be"
    return ""


def _declared(probe: bytes) -> str:
    head = b"\n".join(probe.split(b"\n", 2)[:2])
    if not (found := _DECLARED.search(head)):
        return ""
    name = next(group for group in found.groups() if group).decode("ascii", "replace")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""


def _decodes(file: BinaryIO, name: str) -> bool:
    try:
        decoder = codecs.getincrementaldecoder(name)("strict")
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except (UnicodeError, LookupError):
        return False
    finally:
        file.seek(0)
    return True
