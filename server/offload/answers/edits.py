"""The edits in an answer: search/replace blocks and replaced selections, located in the file.

A block matches if its search lines occur exactly once. Failing that, trailing white space and common
indentation are ignored. There is no fuzzy matching.
"""

import contextlib
import itertools
import math
import re
from dataclasses import dataclass

from server.offload.code.languages import Language
from server.offload.code.syntax import captured, tree_of
from server.offload.files.textfile import edits_between
from server.offload.values import Edit, Source

_SEARCH = re.compile(r"^\s*<{5,9} ?SEARCH:?\s*$")
_DIVIDER = re.compile(r"^\s*={5,9}\s*$")
_UNDERLINE = re.compile(r"\n?[ \t]*=+[ \t]*(?:\n|$)")
_REPLACE = re.compile(r"^\s*>{5,9} ?REPLACE:?\s*$")
_FILE = re.compile(r"^\s*(?:#+\s*)?(?:\*\*)?FILE:?(?:\*\*)?:?\s*`?(?P<path>[^`*]+?)`?\s*$", re.IGNORECASE)
MOST_DIVIDERS = 20


class EditFailed(Exception):
    """An edit cannot be applied. The message tells the model which edit failed and why."""


@dataclass(frozen=True)
class EditBlock:
    """One search/replace block. ``path`` is empty if the answer names no path.

    ``readings`` holds pairs of search and replace lines, one for each line that could be the divider: a
    heading's underline looks like one. ``likely`` is the pair whose divider is as long as the other marks, or
    None unless exactly one pair qualifies.
    """

    path: str
    readings: tuple[tuple[str, str], ...]
    likely: tuple[str, str] | None = None


def parse_blocks(answer: str) -> tuple[EditBlock, ...]:
    """Return the blocks in an answer.

    Raises:
        EditFailed: the answer has no block, or a block lacks its divider or end, or has too many dividers.
    """
    blocks: list[EditBlock] = []
    path = ""
    lines: list[str] | None = None
    dividers: list[int] = []
    marks = 0
    for line in answer.split("\n"):
        if _SEARCH.match(line):
            marks = line.count("<")
            if lines is not None:
                raise EditFailed(f"Edit {len(blocks) + 1} has no >>>>>>> REPLACE line at its end.")
            lines, dividers = [], []
        elif lines is None:
            if found := _FILE.match(line):
                path = found["path"].strip()
        elif dividers and _REPLACE.match(line):
            if len(dividers) > MOST_DIVIDERS:
                raise _many_dividers(len(blocks) + 1, len(dividers))
            readings = tuple(("\n".join(lines[:at]), "\n".join(lines[at + 1 :])) for at in dividers)
            alike = [index for index, at in enumerate(dividers) if lines[at].strip() == "=" * marks]
            likely = readings[alike[0]] if len(alike) == 1 else None
            blocks.append(EditBlock(path, readings, likely))
            lines = None
        else:
            if _DIVIDER.match(line):
                dividers.append(len(lines))
            lines.append(line)
    if lines is not None:
        missing = ">>>>>>> REPLACE" if dividers else "======="
        raise EditFailed(f"Edit {len(blocks) + 1} has no {missing} line.")
    if not blocks:
        raise EditFailed("The answer has no edit of the form <<<<<<< SEARCH / ======= / >>>>>>> REPLACE.")
    return tuple(blocks)


def locate(text: str, blocks: tuple[EditBlock, ...], shown: str) -> tuple[Edit, ...]:
    """Return the spans of ``text`` that the blocks replace, in text order.

    Raises:
        EditFailed: the search lines of a block are missing, ambiguous or have no clear end; or two blocks
            overlap.
    """
    edits = [_locate(text, block, number, shown) for number, block in enumerate(blocks, start=1)]
    edits = sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end))
    for before, after in itertools.pairwise(edits):
        if after.start < before.end or (after.start, after.end) == (before.start, before.end):
            raise EditFailed("Two edits change the same lines; join them into one edit.")
    return tuple(edits)


def replace_selection(source: Source, answer: str) -> Edit:
    """Return the edit that replaces the selection with ``answer``, keeping the selection's indentation."""
    lines = answer.strip("\n").rstrip().split("\n")
    if not source.text[source.text.rfind("\n", 0, source.start) + 1 : source.start]:
        lines = indented_like(source.selected.split("\n"), with_indents_of(source.text, lines))
    return Edit(source.start, source.end, "\n".join(lines))


def with_indents_of(text: str, lines: list[str]) -> list[str]:
    """Return lines with the text's kind of indentation (tabs or spaces), converting them if necessary."""
    tabs, spaces = _indents(text.split("\n"))
    own_tabs, own_spaces = _indents(lines)
    if tabs > spaces and own_spaces and not own_tabs:
        widths = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
        unit = math.gcd(0, *(width for width in widths if width)) or 4
        return [_tabbed(line, unit if unit > 1 else 4) for line in lines]
    return lines


def _indents(lines: list[str]) -> tuple[int, int]:
    """Return how many lines start with a tab and how many start with two spaces."""
    return sum(line.startswith("\t") for line in lines), sum(line.startswith("  ") for line in lines)


def _tabbed(line: str, unit: int) -> str:
    body = line.lstrip(" ")
    width = len(line) - len(body)
    return "\t" * (width // unit) + " " * (width % unit) + body


def indented_like(old: list[str], new: list[str]) -> list[str]:
    """Return ``new`` indented to match ``old``, keeping relative indentation."""
    wanted, found = _indentation(old[0]), _indentation(new[0])
    if wanted == found:
        return new
    rest = _indentation("\n".join(new[1:]))
    if rest and rest == _indentation("\n".join(old[1:])) and len(wanted) > len(found):
        return [wanted + new[0].lstrip(), *new[1:]]  # only the first line lost its indentation
    common = _indentation("\n".join(new))
    return [_shift(line, common, wanted) for line in new]


def replace_whole(source: Source, answer: str) -> tuple[Edit, ...]:
    """Return line edits that turn the file into ``answer``.

    The file's final line ending, or lack of one, is kept because an answer does not show it.
    """
    if not source.text:
        return edits_between("", answer.rstrip("\n") + "\n")
    end = source.text[len(source.text.rstrip("\n")) :]
    body = answer.rstrip("\n")
    blank = len(answer) - len(body)
    # The text of a block has no final line ending. Empty lines at the end of the text count if the file had
    # some.
    new = body + "\n" * (blank + 1 if len(end) > 1 and blank else min(len(end), 1))
    return edits_between(source.text, new)


def without_blanks(source: Source, edits: tuple[Edit, ...], language: Language | None) -> tuple[Edit, ...]:
    """Return the edits with trailing spaces removed from the added lines.

    Existing lines, lines inside string literals, and file types where trailing spaces are meaningful are left
    unchanged.
    """
    if language is None or not any(_BLANKS.search(edit.text) for edit in edits):
        return edits
    known = set(source.text.split("\n"))
    after = apply(source.text, edits)
    texts = captured(tree_of(after, language).root_node, language, _TEXT_NODES)
    inside = {row for node in texts for row in range(node.start_point.row, node.end_point.row)}
    result: list[Edit] = []
    shift = 0
    for edit in sorted(edits, key=lambda each: each.start):
        row = after.count("\n", 0, edit.start + shift)
        lines = edit.text.split("\n")
        for index, line in enumerate(lines):
            last = index == len(lines) - 1 and source.text[edit.end : edit.end + 1] not in ("", "\n")
            if line not in known and row + index not in inside and not last:
                lines[index] = line.rstrip(" \t")
        result.append(Edit(edit.start, edit.end, "\n".join(lines)))
        shift += len(edit.text) - (edit.end - edit.start)
    return tuple(result)


_BLANKS = re.compile(r"[ \t](?:\n|$)")
_TEXT_NODES = (
    "string", "string_literal", "template_string", "raw_string_literal", "interpreted_string_literal",
    "heredoc_body", "multi_line_string_literal", "text_block", "comment", "block_comment",
    "interpolated_string_expression", "verbatim_string_literal", "encapsed_string", "heredoc",
)  # fmt: skip


def apply(text: str, edits: tuple[Edit, ...]) -> str:
    """Return ``text`` with the edits' spans replaced."""
    parts: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda each: each.start):
        parts += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join((*parts, text[done:]))


def _locate(text: str, block: EditBlock, number: int, shown: str) -> Edit:
    """Return the edit for a block.

    A block with several dividers is accepted only if exactly one reading fits the file and does not end at a
    heading's underline. If lines are misquoted, the part up to the underline may fit by chance.
    """
    if len(block.readings) == 1:
        return _locate_lines(text, *block.readings[0], number, shown)
    fitting: list[Edit] = []
    if block.likely is not None:
        with contextlib.suppress(EditFailed):
            return _locate_lines(text, *block.likely, number, shown)
    for search, replace in block.readings:
        with contextlib.suppress(EditFailed):
            fitting.append(_locate_lines(text, search, replace, number, shown))
    if len(fitting) > 1 or any(_UNDERLINE.match(text, edit.end) for edit in fitting):
        raise _many_dividers(number, len(block.readings))
    return fitting[0] if fitting else _locate_lines(text, *block.readings[0], number, shown)


def _many_dividers(number: int, count: int) -> EditFailed:
    return EditFailed(
        f"Edit {number} has {count} lines of =====, so it is not clear where its SEARCH part ends; "
        f"choose SEARCH lines without such a line."
    )


def _locate_lines(text: str, search: str, replace: str, number: int, shown: str) -> Edit:
    if not search.strip():
        if text.strip():
            raise EditFailed(
                f"Edit {number} has an empty SEARCH part; copy the lines it changes from {shown}."
            )
        return Edit(0, len(text), replace + "\n")
    lines = text.split("\n")
    wanted = search.split("\n")
    exact = _positions(lines, wanted)
    if len(exact) == 1:
        return _span(lines, exact[0], len(wanted), replace)
    if len(exact) > 1:
        raise EditFailed(
            f"The SEARCH lines of edit {number} occur {len(exact)} times in {shown} "
            f"(lines {', '.join(str(at + 1) for at in exact[:4])}); add lines around them."
        )
    loose = _loose_positions(lines, wanted)
    if len(loose) == 1:
        at, length = loose[0]
        return _span(lines, at, length, _fit_indentation(search, replace, lines[at : at + length]))
    if loose:
        raise EditFailed(
            f"The SEARCH lines of edit {number} occur several times in {shown}; add lines around them."
        )
    missing = _first_missing(lines, wanted)
    why = f"{missing!r} is not one of its lines" if missing else "they are there, but not consecutively"
    raise EditFailed(
        f"The SEARCH lines of edit {number} are not in {shown}: {why}. Copy them character by character."
    )


def _positions(lines: list[str], wanted: list[str]) -> list[int]:
    return [at for at in range(len(lines) - len(wanted) + 1) if lines[at : at + len(wanted)] == wanted]


def _loose_positions(lines: list[str], wanted: list[str]) -> list[tuple[int, int]]:
    """Return the positions that match when line ends, common indentation and outer empty lines are
    ignored.
    """
    while wanted and not wanted[0].strip():
        wanted = wanted[1:]
    while wanted and not wanted[-1].strip():
        wanted = wanted[:-1]
    shape = _shape(wanted)
    count = len(wanted)
    first = wanted[0].strip()
    return [
        (at, count)
        for at in range(len(lines) - count + 1)
        if lines[at].strip() == first and _shape(lines[at : at + count]) == shape
    ]


def _shape(lines: list[str]) -> list[str]:
    cut = len(_indentation("\n".join(lines)))
    return [line[cut:].rstrip() for line in lines]


def _span(lines: list[str], at: int, count: int, replace: str) -> Edit:
    start = sum(len(line) + 1 for line in lines[:at])
    end = start + sum(len(line) + 1 for line in lines[at : at + count]) - 1
    if replace == "" and end < sum(len(line) + 1 for line in lines) - 1:
        end += 1  # removed lines lose their line ending as well
    return Edit(start, end, replace)


def _fit_indentation(search: str, replace: str, found: list[str]) -> str:
    given = _indentation(search)
    there = _indentation("\n".join(found))
    return "\n".join(_shift(line, given, there) for line in replace.strip("\n").split("\n"))


def _shift(line: str, given: str, wanted: str) -> str:
    if not line.strip():
        return line.strip(" \t")
    return wanted + line.removeprefix(given) if line.startswith(given) else wanted + line.lstrip()


def _indentation(text: str) -> str:
    """Return the leading white space shared by all non-empty lines."""
    common: str | None = None
    for line in text.split("\n"):
        if not line.strip():
            continue
        own = line[: len(line) - len(line.lstrip(" \t"))]
        if common is None:
            common = own
        while not own.startswith(common):
            common = common[:-1]
    return common or ""


def _first_missing(lines: list[str], wanted: list[str]) -> str:
    """Return the first line of ``wanted`` that is missing from ``lines``, or an empty string if none is
    missing.
    """
    known = {line.strip() for line in lines}
    return next((line.strip()[:80] for line in wanted if line.strip() and line.strip() not in known), "")
