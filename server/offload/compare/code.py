"""Comparison of source code: its definitions, their heads, other lines, comments."""

import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from server.offload.code.languages import Language
from server.offload.compare.bindings import is_bound
from server.offload.compare.heads import compare_heads
from server.offload.compare.loose import compare_comments, compare_constants, compare_loose_lines
from server.offload.compare.matching import Matching, match
from server.offload.compare.units import Unit, label, units_of
from server.offload.compare.usage import bare_uses, uses, uses_within
from server.offload.compare.values import Change


def compare_code(before: str, after: str, language: Language) -> tuple[Change, ...]:
    """Return what an edit changed in code, apart from additions."""
    old, new = units_of(before, language), units_of(after, language)
    matching = match(old, new)
    changes = [
        *_gone(matching, before, after, language),
        *compare_heads(matching, language),
        *_renamed(matching, after, language),
        *_doubled(old, new),
        *compare_constants(before, after, language),
        *compare_loose_lines(before, after, language, matching),
        *compare_comments(before, after, language),
    ]
    return tuple(changes)


def changed_units(before: str, after: str, language: Language) -> list[tuple[Unit, Unit]]:
    """Return the definitions with changed lines of their own, before and after; only the innermost ones."""
    old, new = units_of(before, language), units_of(after, language)
    return [
        (a, b)
        for a, b in match(old, new).pairs
        if a.text != b.text and _own_lines(before, a, old) != _own_lines(after, b, new)
    ]


def _gone(matching: Matching, before: str, after: str, language: Language) -> Iterator[Change]:
    if not matching.gone:
        return
    old_uses, new_uses, bare = uses(before, language), uses(after, language), bare_uses(after, language)
    for unit in matching.gone:
        name = unit.last
        own = uses_within(before, unit.start, unit.end, language)[name]
        change = Change("removed", unit.kind, label(unit), unit.line, "loss", _words(unit))
        if (
            new_uses[name]
            and bare[name]
            and unit.level == 0
            and not is_bound(name, after, language, matching)
        ):
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
        if still and not is_bound(old.last, after, language, matching):
            yield replace(change, weight="wrong", name=f"{change.name}, while {old.last} is still used")
        else:
            yield change


def _words(unit: Unit) -> tuple[str, ...]:
    return (unit.last, *(unit.outer.split(".") if unit.outer else ()))


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
    """Return each definition whose name occurs more than once, with its number of occurrences in a block."""
    names = Counter(unit.name for unit in units)
    units = [unit for unit in units if names[unit.name] > 1]
    counts = Counter((key(unit), unit.block) for unit in units)
    return [(unit, counts[key(unit), unit.block]) for unit in {(key(u), u.block): u for u in units}.values()]


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
