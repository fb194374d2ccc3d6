"""Comparison of source code: definitions, their heads, other lines, comments."""

import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from server.offload.code.languages import Language
from server.offload.code.syntax import captured, text_of, tree_of
from server.offload.compare.hunks import Hunk, hunks
from server.offload.compare.matching import Matching, match
from server.offload.compare.units import Parameter, Unit, label, units_of
from server.offload.compare.usage import bare_uses, uses
from server.offload.compare.values import Change, Weight

_COMMENTS = ("comment", "line_comment", "block_comment", "multiline_comment", "documentation_comment")
_TELLING = frozenset(
    {"public", "private", "protected", "internal", "static", "final", "abstract", "override", "virtual",
     "export", "default", "pub", "unsafe", "synchronized", "sealed", "readonly", "const", "constexpr",
     "noexcept", "volatile", "transient", "native", "open", "suspend", "inline", "extern", "partial",
     "required", "lazy", "operator", "explicit", "mutating"}
)  # fmt: skip
"""Modifiers whose loss changes the meaning of a definition."""


def compare_code(before: str, after: str, language: Language) -> tuple[Change, ...]:
    """Return what an edit changed in code, apart from additions."""
    old, new = units_of(before, language), units_of(after, language)
    matching = match(old, new)
    changes = [
        *_gone(matching, before, after, language),
        *_heads(matching, language),
        *_renamed(matching, after, language),
        *_doubled(old, new),
        *_constants(before, after, language),
        *_loose(before, after, language, matching),
        *_comments(before, after, language),
    ]
    return tuple(changes)


def changed_units(before: str, after: str, language: Language) -> list[tuple[Unit, Unit]]:
    """Return the definitions with changed lines of their own, before and after; only the innermost ones."""
    old, new = units_of(before, language), units_of(after, language)
    return [
        (a, b) for a, b in match(old, new).pairs if _own_lines(before, a, old) != _own_lines(after, b, new)
    ]


def _gone(matching: Matching, before: str, after: str, language: Language) -> Iterator[Change]:
    old_uses, new_uses, bare = uses(before, language), uses(after, language), bare_uses(after, language)
    for unit in matching.gone:
        name = unit.last
        own = _count(name, before[unit.start : unit.end], language)
        change = Change("removed", unit.kind, label(unit), unit.line, "loss", _words(unit))
        if new_uses[name] and bare[name] and unit.level == 0 and not _bound(name, after, language, matching):
            yield replace(change, how="removed", weight="wrong", name=f"{label(unit)}, still used")
        elif new_uses[name] or old_uses[name] <= own:
            yield change
        # Else all its uses are gone too: its callers were changed and no longer need it.


def _renamed(matching: Matching, after: str, language: Language) -> Iterator[Change]:
    """Yield renamed definitions: other code may use the old names."""
    pairs = {old.name: new.name for old, new in matching.pairs}
    for old, new in matching.pairs:
        if old.last == new.last or (old.outer and pairs.get(old.outer) != new.outer):
            continue
        change = Change(
            "renamed", old.kind, f"{old.name} to {new.last}", old.line, "loss", (old.last, new.last)
        )
        still = bare_uses(after, language)[old.last] and old.level == 0
        if still and not _bound(old.last, after, language, matching):
            yield replace(change, weight="wrong", name=f"{change.name}, while {old.last} is still used")
        else:
            yield change


def _count(name: str, text: str, language: Language) -> int:
    return uses(text, language)[name]


def _words(unit: Unit) -> tuple[str, ...]:
    return (unit.last, *(unit.outer.split(".") if unit.outer else ()))


def _bound(name: str, after: str, language: Language, matching: Matching) -> bool:
    """Whether the new text may bind the name in any way; a plain use does not count."""
    if any(unit.last == name for unit in (*(new for _, new in matching.pairs), *matching.added)):
        return True
    root = tree_of(after, language).root_node
    for node in captured(root, language, _BINDING):
        if name in (each.strip() for each in _names_bound(text_of(node))):
            return True
    return (
        any(parameter.name == name for _, unit in matching.pairs for parameter in unit.parameters)
        or language.name not in _PRECISE
    )


_BINDING = (
    "import_statement", "import_from_statement", "import_declaration", "assignment", "for_statement",
    "for_in_clause", "with_item", "as_pattern", "variable_declarator", "lexical_declaration",
    "import_spec", "use_declaration", "named_imports", "parameters", "formal_parameters",
    "lambda_parameters", "global_statement", "nonlocal_statement", "short_var_declaration",
    "const_spec", "var_spec", "let_declaration", "import_list", "catch_clause", "except_clause",
    "object_pattern", "array_pattern", "parameter_list", "closure_parameters", "case_clause",
    "range_clause", "named_expression", "type_parameters", "match_pattern", "field_declaration",
    "local_variable_declaration", "enhanced_for_statement", "macro_invocation",
)  # fmt: skip
_PRECISE = frozenset({"Python", "JavaScript", "TypeScript", "TSX", "Go", "Rust"})
"""Languages in which a bare name must be defined or imported in the file (in Go: in the package)."""


def _names_bound(text: str) -> list[str]:
    left = text.split("=", 1)[0] if "=" in text and not text.startswith(("import", "from", "use")) else text
    for sign in "(){}[]<>,:;.*&|":
        left = left.replace(sign, " ")
    return left.split()


def _heads(matching: Matching, language: Language) -> Iterator[Change]:
    for old, new in matching.pairs:
        same = old.head == new.head and old.attributes == new.attributes
        if same and old.comment == new.comment and old.docstring == new.docstring:
            continue
        moved = {"@staticmethod", "@classmethod"} if old.outer != new.outer else set()
        for attribute in (Counter(old.attributes) - Counter(new.attributes)).elements():
            if attribute not in moved and not _altered(attribute, old, new):
                yield _of(old, "removed", "", attribute, "slip", _attribute_words(attribute))
        lost = (old.modifiers - new.modifiers) & _TELLING
        if lost and not _replaced(lost, new.modifiers - old.modifiers):
            yield _of(old, "removed", "", " ".join(sorted(lost)), "slip", tuple(lost))
        yield from _parameters(old, new, language)
        bases = [base for base in old.bases if base not in new.bases and base[:1].isupper()]
        if bases and len(new.bases) < len(old.bases):
            yield _of(old, "removed", "base", ", ".join(bases), "loss", tuple(bases))
        if (old.comment and not new.comment) and not new.docstring:
            yield _of(old, "removed", "comment", "", "slip", ())
        if old.docstring and not new.docstring and not new.comment:
            yield _of(old, "removed", "docstring", "", "slip", ())


def _of(  # noqa: PLR0917 - the fields of a change
    unit: Unit, how: str, kind: str, name: str, weight: Weight, words: tuple[str, ...]
) -> Change:
    described = f"{name} of {unit.last}" if name else f"of {unit.last}"
    return Change(how, kind, described, unit.line, weight, words)


def _altered(attribute: str, old: Unit, new: Unit) -> bool:
    """Whether an attribute is still there with other arguments, in a list at least as long."""
    name = attribute.split("(", maxsplit=1)[0].rstrip("]")
    fresh = [each for each in new.attributes if each not in old.attributes]
    return any(each.split("(")[0].rstrip("]").startswith(name) for each in fresh) or (
        len(new.attributes) >= len(old.attributes) and bool(fresh)
    )


def _attribute_words(attribute: str) -> tuple[str, ...]:
    plain = attribute.lstrip("@#[").split("(")[0].rstrip("]")
    return (plain, plain.rpartition(".")[2])


def _replaced(lost: frozenset[str], gained: frozenset[str]) -> bool:
    visible = {"public", "private", "protected", "internal", "pub", "export"}
    return bool(lost & visible) and bool(gained & visible)


def _parameters(old: Unit, new: Unit, language: Language) -> Iterator[Change]:
    names = {each.name for each in new.parameters}
    fresh = [each for each in new.parameters if each.name not in {one.name for one in old.parameters}]
    for each in old.parameters:
        if each.name in names or each.name in ("self", "cls", "this", "*", "/"):
            continue
        if fresh:
            fresh.pop(0)  # renamed or replaced
            continue
        if _word_in(each.name, old.body) and not _word_in(each.name, new.body):
            continue  # the body no longer uses it
        yield _of(old, "removed", "parameter", each.name, "loss", (each.name,))
    by_name = {each.name: each for each in new.parameters}
    for each in old.parameters:
        other = by_name.get(each.name)
        if other is not None and each.default and other.default != each.default and other.type == each.type:
            change = f"{each.name}={each.default}" + (f", now {other.default}" if other.default else "")
            yield _of(old, "changed" if other.default else "removed", "default", change, "loss", (each.name,))
    if language.overloads and old.parameters and _retyped(old.parameters, new.parameters):
        yield Change("changed", "signature", label(old), old.line, "loss", ())


def _retyped(old: Sequence[Parameter], new: Sequence[Parameter]) -> bool:
    return bool(new) and not {each.type for each in old} & {each.type for each in new}


def _word_in(name: str, text: str) -> bool:
    plain = name.strip("*&?$ ")
    return bool(plain) and plain in text


def _doubled(old: Sequence[Unit], new: Sequence[Unit]) -> Iterator[Change]:
    def key(unit: Unit) -> tuple[object, ...]:
        return unit.name, unit.signature, unit.attributes, unit.kind, unit.modifiers

    known_twice = {key(unit) for unit, count in _counted(old, key) if count > 1}
    kinds = {each.name: each.kind for each in new}
    known = {each.name for each in old}
    for unit in new:
        within = unit.outer.rpartition(".")[2] == unit.last and kinds.get(unit.outer) == unit.kind
        if within and unit.outer and unit.name not in known:
            yield Change("defined within itself:", unit.kind, unit.last, unit.line, "wrong")
    for unit, count in _counted(new, key):
        if count > 1 and key(unit) not in known_twice and unit.body.strip() and unit.last != "_":
            yield Change("defined twice:", unit.kind, label(unit), unit.line, "slip")


def _counted(units: Sequence[Unit], key: Callable[[Unit], tuple[object, ...]]) -> list[tuple[Unit, int]]:
    """Return each distinct definition with its number of occurrences in one block."""
    counts = Counter((key(unit), unit.block) for unit in units)
    return [(unit, counts[key(unit), unit.block]) for unit in {(key(u), u.block): u for u in units}.values()]


_CONSTANTS = (
    "assignment", "variable_declarator", "const_spec", "var_spec", "const_item", "static_item",
    "property_declaration", "val_definition", "preproc_def", "enum_constant", "enum_variant", "enumerator",
    "enum_assignment", "property_signature", "public_field_definition", "field_definition", "const_element",
)  # fmt: skip


def _constants(before: str, after: str, language: Language) -> Iterator[Change]:
    """Yield the names that were set outside of functions and that nothing sets any more."""
    old, new = _constant_names(before, language), _constant_names(after, language)
    old_uses, new_uses = uses(before, language), uses(after, language)
    taken = {unit.last for unit in units_of(after, language)}
    replaced = {hunk_line for hunk in hunks(before, after) for hunk_line in _same_values(hunk)}
    for name, (line, count) in old.items():
        if name in new or name in taken or line in replaced:
            continue
        if not new_uses[name] and old_uses[name] > count:
            continue  # its uses are gone too
        yield Change("removed", "", name, line, "loss", (name,))


def _same_values(hunk: Hunk) -> set[int]:
    """Return the lines of a hunk whose value is kept under another name."""
    values = {line.partition("=")[2].strip() for line in hunk.new if "=" in line}
    return {
        hunk.start + offset
        for offset, line in enumerate(hunk.old)
        if "=" in line and line.partition("=")[2].strip() in values
    }


@lru_cache(maxsize=4)
def _constant_names(text: str, language: Language) -> dict[str, tuple[int, int]]:
    """Return the names that are set outside of functions, each with its first line and number of times."""
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


def _loose(before: str, after: str, language: Language, matching: Matching) -> Iterator[Change]:
    """Yield lines outside of function bodies that vanished without a replacement."""
    inside = _function_lines(before, language)
    skipped = _import_lines(before, language) | _comment_lines(before, language)
    gone = {unit.line for unit in matching.gone}
    spans = [(unit.line, unit.line + before.count("\n", unit.start, unit.end)) for unit in matching.gone]
    left = Counter(line.strip() for line in after.split("\n"))
    old_uses, new_uses = uses(before, language), uses(after, language)
    skipped |= {line for line, _ in _constant_names(before, language).values()}
    for hunk in hunks(before, after):
        if any(line.strip() for line in hunk.new):
            continue
        for offset, line in enumerate(hunk.old):
            number = hunk.start + offset
            text = line.strip()
            if (
                number in inside
                or number in skipped
                or number in gone
                or any(first <= number <= last for first, last in spans)
                or len(text.strip("{}()[];,")) < 3
                or left[text]
            ):
                continue
            name = _first_name(text, language)
            if name and not new_uses[name] and old_uses[name] > _count(name, text, language):
                continue  # all its uses are gone too
            yield Change("removed", "", text, number, "loss", tuple(uses(text, language)))
            break  # report only the first line of a run


def _first_name(line: str, language: Language) -> str:
    left = line.split("=", maxsplit=1)[0].split(":", maxsplit=1)[0] if "=" in line or ":" in line else line
    names = list(uses(left, language))
    return names[-1] if names else ""


def _function_lines(text: str, language: Language) -> set[int]:
    """Return the lines of the bodies of functions."""
    lines: set[int] = set()
    for unit in units_of(text, language):
        if unit.kind in ("function", "method", "constructor", "macro", "property", "getter", "setter"):
            first = text.count("\n", 0, unit.start) + 1
            lines.update(range(first, first + text.count("\n", unit.start, unit.end) + 1))
    return lines


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


def _comments(before: str, after: str, language: Language) -> Iterator[Change]:
    """Yield comments that vanished while the code around them stayed."""
    lines = _comment_lines(before, language)
    left = Counter(line.strip() for line in after.split("\n"))
    for hunk in hunks(before, after):
        if _is_comment_only(hunk, lines) and not any(left[line.strip()] for line in hunk.old if line.strip()):
            first = next(line.strip() for line in hunk.old if line.strip())
            yield Change("removed", "comment", first, hunk.start, "loss", ())


def _is_comment_only(hunk: Hunk, lines: set[int]) -> bool:
    written = [hunk.start + offset for offset, line in enumerate(hunk.old) if line.strip()]
    if not written or any(line.strip() for line in hunk.new):
        return False
    return all(number in lines for number in written)


def _own_lines(text: str, unit: Unit, units: Sequence[Unit]) -> list[str]:
    """Return a definition's lines without nested definitions and blank lines."""
    parts: list[str] = []
    done = unit.start
    for at in range(bisect.bisect_right(units, unit.start, key=lambda each: each.start), len(units)):
        each = units[at]
        if each.start >= unit.end:
            break
        if each.start >= done and each.end <= unit.end and each.level > unit.level:
            parts.append(text[done : each.start])
            done = each.end
    parts.append(text[done : unit.end])
    return [line.rstrip() for line in "".join(parts).split("\n") if line.strip()]
