"""Kept text: the full output behind the handle at the end of a digest.

A handle opens its text only for the user and project it was made for. The text is stored in the cache folder
with mode 0600, without secrets, for a few days and within a size limit. Handles of pruned text are
remembered, so that opening one explains what happened. Text read from a file has the file's path as its
``source``, and anyone who opens it is subject to the current path rules.
"""

import contextlib
import getpass
import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from server.bridge.own_folders import make_folder
from server.common.atomic_write import PRIVATE, replace_file
from server.common.errors import BadArguments, NotFound
from server.digests.clean import clean_lines
from server.digests.decode import decoded_lines, encoding_of
from server.digests.kept_writer import KeptWriter

MOST_BYTES = 500_000_000
"""Maximum total size of all kept text (bytes). The oldest text is removed first."""
MOST_DAYS = 7
"""Number of days for which text is kept."""
REMEMBERED_DAYS = 60
"""Number of days to remember the handle of a pruned text."""
PREFIX = "kept:"
_DAY = 86_400
_HANDLE_BYTES = 8
_REFERENCE = re.compile(
    rf"{PREFIX}(?P<handle>[0-9a-f]{{{2 * _HANDLE_BYTES}}})(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?"
)
_AGAIN = "Run the command again, or read its source."


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept text: its owner, where it came from, and whether it was pruned.

    The text was either printed by ``command`` or read from the file whose absolute path is ``source``.
    """

    handle: str
    project: str
    user: str
    created: float
    command: str = ""
    source: str = ""
    size: int = 0
    pruned: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A handle and the lines requested from its text. If ``last`` is 0, all lines from ``first`` on."""

    handle: str
    first: int = 1
    last: int = 0


def reference_of(text: str) -> Reference | None:
    """Return the reference in a path such as ``kept:0123456789abcdef:10-20``, or None for other paths.

    Raises:
        BadArguments: the path starts like a reference but is malformed.
    """
    if not text.startswith(PREFIX):
        return None
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise BadArguments(
            f"{text!r} is not a valid reference to a kept text.",
            "Pass kept:HANDLE or kept:HANDLE:FIRST-LAST.",
        )
    first = int(found["first"] or 1)
    last = int(found["last"] or (found["first"] or 0))
    if first < 1 or (last and last < first):
        raise BadArguments(
            f"{text!r} is not a valid range of lines.", "Count lines from 1, the smaller number first."
        )
    return Reference(found["handle"], first, last)


def handle_line(handle: str, lines: int) -> str:
    """Return the last line of a digest, which tells the reader how to get the full text."""
    return f"full text: digest {PREFIX}{handle}, {lines:,} line{'' if lines == 1 else 's'}"


class KeptTexts:
    """The kept text in one cache folder. ``known`` are additional values to remove: this app's tokens."""

    def __init__(
        self,
        folder: Path,
        *,
        known: Iterable[str] = (),
        most_bytes: int = MOST_BYTES,
        most_days: float = MOST_DAYS,
    ) -> None:
        self._folder = folder
        self._known = tuple(known)
        self._most_bytes = most_bytes
        self._most_days = most_days

    @contextlib.contextmanager
    def writing(self, project: Path, command: str = "", source: str = "") -> Iterator[KeptWriter]:
        """Open new text for writing, and for reading once complete. Then prune old text.

        A discarded text leaves no file behind.

        Raises:
            OSError: the folder cannot be written.
        """
        make_folder(self._folder)
        handle = secrets.token_hex(_HANDLE_BYTES)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(self._text(handle), flags, PRIVATE), "w+b") as file:
                text = KeptWriter(handle, file, self._known)
                yield text
                size = 0 if text.is_discarded else text.whole().seek(0, os.SEEK_END)
        except BaseException:
            self._text(handle).unlink(missing_ok=True)
            raise
        if text.is_discarded:
            self._text(handle).unlink(missing_ok=True)
            return
        self._write(Kept(handle, str(project.resolve()), _user(), time.time(), command, source, size))
        self.prune()

    def find(self, handle: str, project: Path) -> Kept:
        """Return the kept text for a handle.

        Raises:
            NotFound: this user and project have no such handle, or the text was pruned.
        """
        kept = self._read(handle)
        here = project.resolve()
        if kept is None or kept.user != _user() or not here.is_relative_to(kept.project):
            raise NotFound(f"This project has no kept text {handle}.", _AGAIN)
        if kept.pruned or not self._text(handle).exists():
            limits = f"{self._most_days:g} days and {self._most_bytes // 1_000_000} MB"
            raise NotFound(f"The kept text {handle} was removed: kept text stays for {limits}.", _AGAIN)
        return kept

    def open(self, handle: str, project: Path) -> BinaryIO:
        """Open kept text for reading.

        Raises:
            NotFound: as in ``find``.
        """
        self.find(handle, project)
        return self._text(handle).open("rb")

    def lines(self, reference: Reference, project: Path, most_chars: int) -> list[str]:
        """Return lines of kept text as a terminal shows them, up to ``most_chars`` characters.

        Raises:
            NotFound: as in ``find``, or the text has fewer lines.
        """
        with self.open(reference.handle, project) as file:
            found = lines_of(file, reference.first, reference.last, most_chars)
        if not found:
            raise NotFound(f"The kept text has no line {reference.first}.", "Give line numbers that exist.")
        return found

    def prune(self) -> None:
        """Remove text that is too old, the oldest text beyond the size limit, and old handles."""
        now = time.time()
        kept = sorted(self._all(), key=lambda each: each.created, reverse=True)
        room = self._most_bytes
        for each in kept:
            room -= 0 if each.pruned else each.size
            age = (now - each.created) / _DAY
            if age > REMEMBERED_DAYS:
                self._info(each.handle).unlink(missing_ok=True)
            if not each.pruned and (age > self._most_days or room < 0):
                self._text(each.handle).unlink(missing_ok=True)
                self._write(Kept(**{**asdict(each), "pruned": True}))

    def _all(self) -> Iterator[Kept]:
        for path in self._folder.glob("*.json"):
            if kept := self._read(path.stem):
                yield kept

    def _read(self, handle: str) -> Kept | None:
        try:
            return Kept(**json.loads(self._info(handle).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None  # treat a damaged note as missing: the command makes the text again

    def _write(self, kept: Kept) -> None:
        replace_file(self._info(kept.handle), json.dumps(asdict(kept)).encode(), mode=PRIVATE)

    def _text(self, handle: str) -> Path:
        return self._folder / f"{handle}.txt"

    def _info(self, handle: str) -> Path:
        return self._folder / f"{handle}.json"


def lines_of(file: BinaryIO, first: int, last: int, most_chars: int) -> list[str]:
    """Return lines of a file as a terminal shows them. If ``last`` is 0, up to the end of the file."""
    found: list[str] = []
    room = most_chars
    for line in clean_lines(decoded_lines(file, encoding_of(file))):
        if last and line.number > last:
            break
        if line.number < first:
            continue
        room -= len(line.text) + 1
        if room < 0:
            break
        found.append(line.text)
    return found


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()
