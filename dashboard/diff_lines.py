"""A unified diff as lines with numbers, syntax highlighting and changed words marked."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, Keyword, Name, Token, _TokenType
from pygments.token import Literal as LiteralToken
from pygments.util import ClassNotFound

Kind = Literal["file", "hunk", "same", "added", "removed"]
MOST_PAIRED = 200
"""Maximum number of lines in a changed block whose words are compared, because comparison takes quadratic
time.
"""
LONGEST_PAIRED = 1_000
"""Maximum length of a line whose words are compared (characters)."""
MOST_COLOURED = 2_000
"""Maximum number of lines in a diff that get syntax highlighting."""
LEAST_ALIKE = 0.35
"""Minimum similarity (0 to 1) for two lines to be treated as versions of each other."""
PROSE = frozenset((".md", ".markdown", ".rst", ".adoc", ".txt", ".tex", ".org"))
"""Suffixes of files of prose."""

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_STYLES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "comment"),
    (Keyword, "keyword"),
    (LiteralToken.String, "string"),
    (LiteralToken.Number, "number"),
    (Name.Function, "name"),
    (Name.Class, "name"),
    (Name.Decorator, "name"),
)


@dataclass(frozen=True)
class Piece:
    """Part of a line. ``style`` is its syntax style, empty for plain text; ``changed`` marks a change."""

    text: str
    style: str = ""
    changed: bool = False


@dataclass(frozen=True)
class DiffLine:
    """A line in a diff with its numbers in the old and new file (0 for none)."""

    kind: Kind
    pieces: tuple[Piece, ...]
    old: int = 0
    new: int = 0

    @property
    def text(self) -> str:
        """Return the line without its sign."""
        return "".join(piece.text for piece in self.pieces)


def read_diff(diff: str, most: int) -> tuple[DiffLine, ...]:
    """Return the first ``most`` lines of a unified diff."""
    # Other line ends are text: only a line feed ends a line of a diff.
    lines = list(_numbered(diff.removesuffix("\n").split("\n")[:most] if diff else ()))
    if len(lines) <= MOST_COLOURED:
        lines = _coloured(lines)
    return tuple(_marked(lines))


def is_prose(lines: Sequence[DiffLine]) -> bool:
    """Return whether the lines are from a file of prose, whose paragraphs can be single long lines."""
    return PurePath(_file_name(lines)).suffix.lower() in PROSE


def _file_name(lines: Sequence[DiffLine]) -> str:
    """Return the name of the new file; empty if the diff does not say."""
    found = next((line.text for line in reversed(lines[:2]) if line.kind == "file"), "")
    return PurePath(found.split("\t")[0]).name


def _numbered(lines: Sequence[str]) -> Iterator[DiffLine]:
    old = new = 0
    for line in lines:
        if found := _HUNK.match(line):
            old, new = int(found[1]), int(found[2])
            yield DiffLine("hunk", (Piece(line),))
        elif not old and not new:
            yield DiffLine("file", (Piece(line),))
        elif line.startswith("+"):
            yield DiffLine("added", (Piece(line[1:]),), new=new)
            new += 1
        elif line.startswith("-"):
            yield DiffLine("removed", (Piece(line[1:]),), old=old)
            old += 1
        elif line.startswith("\\"):
            yield DiffLine("hunk", (Piece(line),))
        else:
            yield DiffLine("same", (Piece(line[1:]),), old, new)
            old, new = old + 1, new + 1


def _coloured(lines: list[DiffLine]) -> list[DiffLine]:
    try:
        lexer = get_lexer_for_filename(_file_name(lines), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return lines
    for kinds in (("same", "removed"), ("same", "added")):
        side = [number for number, line in enumerate(lines) if line.kind in kinds]
        for number, pieces in zip(side, _lexed([lines[each].text for each in side], lexer), strict=True):
            lines[number] = replace(lines[number], pieces=pieces)
    return lines


def _lexed(texts: Sequence[str], lexer: Lexer) -> Iterator[tuple[Piece, ...]]:
    """Yield the pieces of each line. All lines are lexed together, because strings can span several lines."""
    pieces: list[Piece] = []
    lines: list[tuple[Piece, ...]] = []
    for token, value in lexer.get_tokens("\n".join(texts)):
        first, *others = value.split("\n")
        pieces.append(Piece(first, _style(token)))
        for part in others:
            lines.append(tuple(pieces))
            pieces = [Piece(part, _style(token))]
    lines.append(tuple(pieces))
    whole = len(lines) >= len(texts) and all(
        "".join(piece.text for piece in line) == text for line, text in zip(lines, texts, strict=False)
    )
    # A lexer that drops characters must not change the text that the user reviews.
    yield from lines[: len(texts)] if whole else [(Piece(text),) for text in texts]


def _style(token: _TokenType) -> str:
    return next((style for kind, style in _STYLES if token in kind), "") if token is not Token.Text else ""


def _marked(lines: Sequence[DiffLine]) -> Iterator[DiffLine]:
    """Yield the lines, marking the words that differ between a removed line and its new version."""
    at = 0
    while at < len(lines):
        if lines[at].kind != "removed":
            yield lines[at]
            at += 1
            continue
        middle = _end_of(lines, at, "removed")
        end = _end_of(lines, middle, "added")
        removed, added = list(lines[at:middle]), list(lines[middle:end])
        if end - at <= MOST_PAIRED:
            _mark_pairs(removed, added)
        yield from removed
        yield from added
        at = end


def _end_of(lines: Sequence[DiffLine], start: int, kind: Kind) -> int:
    end = start
    while end < len(lines) and lines[end].kind == kind:
        end += 1
    return end


def _mark_pairs(removed: list[DiffLine], added: list[DiffLine]) -> None:
    """Mark the words that differ between each removed line and its new version, which is the first similar
    added line after the previous pair.
    """
    start = 0
    for number, old in enumerate(removed):
        words = _WORDS.findall(old.text)
        for candidate in range(start, len(added)):
            new = added[candidate]
            if max(len(old.text), len(new.text)) > LONGEST_PAIRED:
                continue
            if _are_alike(old.text, new.text):
                matcher = difflib.SequenceMatcher(None, words, _WORDS.findall(new.text), autojunk=False)
                changes = [op for op in matcher.get_opcodes() if op[0] != "equal"]
                removed[number] = _with_marks(old, words, [(op[1], op[2]) for op in changes])
                added[candidate] = _with_marks(
                    new, _WORDS.findall(new.text), [(op[3], op[4]) for op in changes]
                )
                start = candidate + 1
                break


def _are_alike(old: str, new: str) -> bool:
    """Return whether one line could be a version of the other. Spaces are ignored."""
    first, second = ([word for word in _WORDS.findall(each) if not word.isspace()] for each in (old, new))
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    return matcher.quick_ratio() >= LEAST_ALIKE and matcher.ratio() >= LEAST_ALIKE


def _with_marks(line: DiffLine, words: Sequence[str], spans: Sequence[tuple[int, int]]) -> DiffLine:
    """Return the line with the words in these spans marked."""
    changed = [False] * len(line.text)
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    for first, last in spans:
        for place in range(starts[first], starts[last]):
            changed[place] = True
    pieces: list[Piece] = []
    at = 0
    for piece in line.pieces:
        for character in piece.text:
            mark = changed[at]
            at += 1
            if pieces and (pieces[-1].style, pieces[-1].changed) == (piece.style, mark):
                pieces[-1] = replace(pieces[-1], text=pieces[-1].text + character)
            else:
                pieces.append(Piece(character, piece.style, mark))
    return replace(line, pieces=tuple(pieces))
