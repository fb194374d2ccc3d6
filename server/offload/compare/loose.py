"""Compares code outside function bodies: constants, other lines, comments."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from server.offload.code.languages import Language
from server.offload.code.syntax import captured, text_of, tree_of
from server.offload.compare.hunks import Hunk, hunks
from server.offload.compare.matching import Matching
from server.offload.compare.units import line_of, line_starts, units_of
from server.offload.compare.usage import uses, uses_within
from server.offload.compare.values import Change

_COMMENTS = ("comment", "line_comment", "block_comment", "multiline_comment", "documentation_comment")
_CONSTANTS = (
    "assignment", "variable_declarator", "const_spec", "var_spec", "const_item", "static_item",
    "property_declaration", "val_definition", "preproc_def", "enum_constant", "enum_variant", "enumerator",
    "enum_assignment", "property_signature", "public_field_definition", "field_definition", "const_element",
)  # fmt: skip


def compare_constants(before: str, after: str, language: Language) -> Iterator[Change]:
    """Yield the names that were set outside functions and that nothing sets any more."""
    old, new = constant_names(before, language), constant_names(after, language)
    gone = [name for name in old if name not in new]
    if not gone:
        return
    old_uses, new_uses = uses(before, language), uses(after, language)
    taken = {unit.last for unit in units_of(after, language)}
    replaced = {hunk_line for hunk in hunks(before, after) for hunk_line in _same_values(hunk)}
    for name in gone:
        line, count = old[name]
        if name in taken or line in replaced:
            continue
        if not new_uses[name] and old_uses[name] > count:
            continue  # its uses are gone too
        yield Change("removed", "", name, line, "loss", (name,))


def _same_values(hunk: Hunk) -> set[int]:
    """Return the lines in a hunk whose value is kept under another name."""
    values = {line.partition("=")[2].strip() for line in hunk.new if "=" in line}
    return {
        hunk.start + offset
        for offset, line in enumerate(hunk.old)
        if "=" in line and line.partition("=")[2].strip() in values
    }


@lru_cache(maxsize=8)
def constant_names(text: str, language: Language) -> dict[str, tuple[int, int]]:
    """Return the names set outside functions, each with its first line and how often it is set."""
    inside = _function_lines(text, language)
    found: dict[str, tuple[int, int]] = {}
    for node in captured(tree_of(text, language).root_node, language, _CONSTANTS):
        line = node.start_point.row + 1
        if line in inside:
            continue
        for field in ("left", "name", "pattern", "declarator", "property"):
            if (named := node.child_by_field_name(field)) is not None:
                name = text_of(named).split("[")[0].split(":")[0].strip()
                if name.isidentifier():
                    first, count = found.get(name, (line, 0))
                    found[name] = (first, count + 1)
                break
    return found


def compare_loose_lines(before: str, after: str, language: Language, matching: Matching) -> Iterator[Change]:
    """Yield lines outside function bodies that disappeared without being replaced."""
    runs = [hunk for hunk in hunks(before, after) if not any(line.strip() for line in hunk.new)]
    if not runs:
        return
    inside = _function_lines(before, language) | _closure_lines(before, language)
    skipped = _import_lines(before, language) | _comment_lines(before, language)
    heads = {unit.line for unit in units_of(before, language)}
    gone = {
        line for unit in matching.gone for line in range(unit.line, unit.line + unit.text.count("\n") + 1)
    }
    left = Counter(line.strip() for line in after.split("\n"))
    left.subtract(line.strip() for line in before.split("\n"))
    old_uses, new_uses = uses(before, language), uses(after, language)
    starts = line_starts(before)
    skipped |= {line for line, _ in constant_names(before, language).values()}
    for hunk in runs:
        for offset, line in enumerate(hunk.old):
            number = hunk.start + offset
            text = line.strip()
            if (
                number in inside
                or number in skipped
                or number in heads
                or number in gone
                or len(text.strip("{}()[];,")) < 3
                or left[text] >= 0
            ):
                continue
            own = uses_within(before, starts[number - 1], starts[number - 1] + len(line), language)
            name = _first_name(text, own)
            if name and not new_uses[name] and old_uses[name] > own[name]:
                continue  # all its uses are gone too
            yield Change("removed", "", text, number, "loss", tuple(own))
            break  # report only the first line of a run


def _first_name(line: str, own: Counter[str]) -> str:
    """Return the name that a line sets or declares: the last name before ``=`` or ``:``."""
    left = line.split("=", maxsplit=1)[0].split(":", maxsplit=1)[0] if "=" in line or ":" in line else line
    names = [name for name in _WORD.findall(left) if name in own]
    return names[-1] if names else ""


_WORD = re.compile(r"[^\W\d]\w*")


@lru_cache(maxsize=8)
def _function_lines(text: str, language: Language) -> frozenset[int]:
    """Return the lines in function bodies."""
    starts = line_starts(text)
    lines: set[int] = set()
    for unit in units_of(text, language):
        if unit.kind in ("function", "method", "constructor", "macro", "property", "getter", "setter"):
            lines.update(range(line_of(starts, unit.start), line_of(starts, unit.end) + 1))
    return frozenset(lines)


@lru_cache(maxsize=8)
def _closure_lines(text: str, language: Language) -> frozenset[int]:
    """Return the lines in the bodies of closures passed as call arguments, such as the tests in a suite.

    The line on which a closure starts is left out: losing it means losing a whole part of the suite.
    """
    units = units_of(text, language)
    starts = line_starts(text)
    heads = {line_of(starts, unit.start + len(unit.head)) for unit in units} | {unit.line for unit in units}
    lines: set[int] = set()
    begins: set[int] = set()
    for node in captured(tree_of(text, language).root_node, language, _CLOSURES):
        first = node.start_point.row + 1
        begins.add(first)
        if first not in heads:
            lines.update(range(first + 1, node.end_point.row + 2))
    return frozenset(lines - begins)


_CLOSURES = ("arrow_function", "function_expression", "do_block", "block_argument")


def _import_lines(text: str, language: Language) -> set[int]:
    return _lines_of(text, language, (*language.imports, "import_spec", "import_spec_list"))


def _comment_lines(text: str, language: Language) -> set[int]:
    return _lines_of(text, language, _COMMENTS)


def _lines_of(text: str, language: Language, types: tuple[str, ...]) -> set[int]:
    return {
        row + 1
        for node in captured(tree_of(text, language).root_node, language, types)
        if types
        for row in range(node.start_point.row, node.end_point.row + (1 if node.end_point.column else 0))
    }


def compare_comments(before: str, after: str, language: Language) -> Iterator[Change]:
    """Yield comments that disappeared although the code around them stayed."""
    runs = [hunk for hunk in hunks(before, after) if not any(line.strip() for line in hunk.new)]
    if not runs:
        return
    lines = _comment_lines(before, language)
    left = Counter(line.strip() for line in after.split("\n"))
    for hunk in runs:
        if _is_comment_only(hunk, lines) and not any(left[line.strip()] for line in hunk.old if line.strip()):
            first = next(line.strip() for line in hunk.old if line.strip())
            yield Change("removed", "comment", first, hunk.start, "loss", ())


def _is_comment_only(hunk: Hunk, lines: set[int]) -> bool:
    written = [hunk.start + offset for offset, line in enumerate(hunk.old) if line.strip()]
    return bool(written) and all(number in lines for number in written)
