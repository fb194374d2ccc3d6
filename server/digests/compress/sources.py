"""What a compression is about: its sources, read line by line and folded where they repeat themselves."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from server.common.errors import BadArguments, FileTooLarge
from server.digests.compress.fold import SEVERE, Line, fold, lines_of_file, lines_of_text, wrapped
from server.digests.compress.split import starts_of
from server.offload.code.languages import language_of
from server.offload.files.workspace import Workspace, expand
from server.offload.values import Compression, Source
from server.policy.files.paths import require_file
from server.policy.files.safe_open import open_for_reading

MOST_BYTES = 64_000_000
"""Bytes of all sources together."""
MOST_PIECES = 24
"""Parts that a log is folded down to, at most; a part takes a small model on a CPU half a minute."""
MOST_PIECES_UNFOLDED = 300
"""Parts of other texts, which cannot be folded, beyond which the work would take hours."""
LARGEST_READ = 75_000
"""Characters; some 25,000 tokens, the most that Claude Code's Read returns of one file."""
_FOLD_FROM_LINES = 200
_LITERAL_SHARE = 0.4
_CHARACTERS_PER_TOKEN = 2
_LINE = re.compile(r"(?P<line>(?:\S+ )?L\d+): (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class Material:
    """One source, read: its lines (folded if that was worth it) and where it is best split.

    ``head`` is what Claude need not read: its beginning as it stands, nothing of what Claude passed itself.
    """

    shown: str
    digest: str
    total: int
    head: str
    lines: tuple[Line, ...]
    starts: frozenset[int]
    folded: bool


def read(workspace: Workspace, wanted: Compression, room: int) -> tuple[Material, ...]:
    """Read the sources; ``room`` is the tokens of a part. Blocks.

    Raises:
        WorkspaceError: as ``Compressor.compress``.
        BadArguments: neither files nor content, or both.
    """
    if bool(wanted.files) == bool(wanted.content):
        raise BadArguments("compress_context takes files or content, one of them.", "Pass paths in files.")
    if wanted.content:
        digest = hashlib.sha256(wanted.content.encode()).hexdigest()
        material = _material("content", "", digest, lambda: lines_of_text(wanted.content), wanted, room)
        return (replace(material, head=""),)
    paths: dict[Path, str] = {}
    size = 0
    for given in wanted.files:
        for name in expand(workspace, given):
            path = workspace.confine_to_read(name)
            if path not in paths:
                size += require_file(path, name).st_size
                paths[path] = workspace.shown(path)
    if size > MOST_BYTES:
        raise FileTooLarge(
            f"The files have {size:,} bytes; the limit is {MOST_BYTES:,}.", "Name fewer files."
        )
    return tuple(_file_material(path, shown, wanted, room) for path, shown in paths.items())


def _file_material(path: Path, shown: str, wanted: Compression, room: int) -> Material:
    with os.fdopen(open_for_reading(path, shown), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _material(shown, path.name, digest, lambda: lines_of_file(path, shown), wanted, room)


def _material(  # noqa: PLR0917 - one source as it is found, and what is wanted of it
    shown: str,
    file_name: str,
    digest: str,
    lines: Callable[[], Iterator[Line]],
    wanted: Compression,
    room: int,
) -> Material:
    total = sum(1 for _ in lines())
    head = _head(lines())
    language = language_of(file_name)
    is_code = language is not None and language.has_definitions
    if total >= _FOLD_FROM_LINES and not is_code and not file_name.endswith((".md", ".rst")):
        words = focus_words(wanted.focus)
        most = room * MOST_PIECES * _CHARACTERS_PER_TOKEN
        folded = fold(lines, lambda text: is_sought(text, words), most)
        if len(folded) * 2 < total or total > MOST_PIECES_UNFOLDED * 100:
            return Material(shown, digest, total, head, folded, frozenset(), folded=True)
    starts = starts_of("\n".join(line.text for line in lines()), file_name)
    kept = tuple(wrapped(lines()))
    return Material(shown, digest, total, head, kept, starts, folded=False)


def _head(lines: Iterator[Line]) -> str:
    """Return as much as Claude reads of a file at once: anything beyond that is not saved."""
    found: list[str] = []
    length = 0
    for line in lines:
        found.append(line.text)
        length += len(line.text) + 1
        if length > LARGEST_READ:
            break
    return "\n".join(found)[:LARGEST_READ]


def literal_lines(materials: tuple[Material, ...], wanted: Compression) -> list[str]:
    """Return the lines that a reader would look for, word for word, the rarest first, within their share."""
    words = focus_words(wanted.focus)
    sought = [
        (line.count, index, line, each.shown)
        for index, each in enumerate(materials)
        if each.folded
        for line in each.lines
        if is_sought(line.text, words)
    ]
    room = int(wanted.max_length * _LITERAL_SHARE)
    chosen: list[tuple[int, int, str]] = []
    for _, index, line, shown in sorted(sought, key=lambda item: (item[0], item[1], item[2].number)):
        text = f"{shown} {line.shown()}" if len(materials) > 1 else line.shown()
        room -= len(text) + 1
        if room < 0:
            break
        chosen.append((index, line.number, text))
    return [text for _, _, text in sorted(chosen)]


def without_repeated(notes: Sequence[str], literal: Sequence[str]) -> list[str]:
    """Return the notes without those that repeat one of the literally quoted lines."""
    lines = [(found["line"], found["text"]) for each in literal if (found := _LINE.match(each))]

    def repeats(note: str) -> bool:
        found = _LINE.match(note)
        return found is not None and any(
            found["line"] == line and found["text"].strip(' .`"…') in text for line, text in lines
        )

    return [note for note in notes if not repeats(note)]


def focus_words(focus: str) -> frozenset[str]:
    return frozenset(word.lower() for word in re.findall(r"[\w./-]{4,}", focus))


def is_sought(text: str, words: frozenset[str]) -> bool:
    lowered = text.lower()
    return SEVERE.search(text) is not None or any(word in lowered for word in words)


def as_source(material: Material) -> Source:
    """Return what the ledger and the history need to know of a source."""
    text = material.head
    return Source(Path(material.shown), material.shown, text, material.digest, 0, len(text))
