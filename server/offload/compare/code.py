"""Compares source code: definitions, their heads, other lines, comments."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from server.offload.code.languages import Language
from server.offload.code.syntax import imports
from server.offload.compare.bindings import is_bound
from server.offload.compare.heads import compare_heads
from server.offload.compare.hunks import hunks
from server.offload.compare.loose import compare_comments, compare_constants, compare_loose_lines
from server.offload.compare.matching import ALIKE, Matching, likeness, match
from server.offload.compare.units import Unit, label, units_of
from server.offload.compare.usage import bare_uses
from server.offload.compare.values import Change


def compare_code(before: str, after: str, language: Language) -> tuple[Change, ...]:
    """Return the changes that an edit makes to code, except additions."""
    old, new = units_of(before, language), units_of(after, language)
    matching = match(old, new)
    changes = [
        *_gone(matching, after, language),
        *_replaced(matching, before, after),
        *compare_heads(matching, after, language),
        *_renamed(matching, after, language),
        *_doubled(old, new, after),
        *compare_constants(before, after, language),
        *compare_loose_lines(before, after, language, matching),
        *compare_comments(before, after, language),
    ]
    return tuple(changes)


def lost_names(before: str, after: str, language: Language) -> list[str]:
    """Return the names of top-level definitions that are removed or renamed and that no code binds
    afterwards.
    """
    if not language.has_definitions:
        return []
    matching = match(units_of(before, language), units_of(after, language))
    gone = [unit for unit in matching.gone if unit.level == 0]
    renamed = [old for old, new in matching.pairs if old.level == 0 and old.last != new.last]
    names = dict.fromkeys(unit.last for unit in (*gone, *renamed))
    left = {unit.last for unit in units_of(after, language) if unit.level == 0}
    return [name for name in names if name not in left and not _imported(name, after, language)]


def _imported(name: str, after: str, language: Language) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", each) for each in imports(after, language))


def _gone(matching: Matching, after: str, language: Language) -> Iterator[Change]:
    for unit in matching.gone:
        change = Change("removed", unit.kind, label(unit), unit.line, "loss", _words(unit))
        bare = unit.level == 0 and bare_uses(after, language)[unit.last]
        if bare and not is_bound(unit.last, after, language, matching):
            yield replace(change, weight="wrong", name=f"{label(unit)}, still used")
        else:
            yield change


def _replaced(matching: Matching, before: str, after: str) -> Iterator[Change]:
    """Yield definitions that disappeared while another definition of the same name appeared elsewhere."""
    removed: set[int] = set()
    for hunk in hunks(before, after):
        if not any(line.strip() for line in hunk.new):
            removed.update(range(hunk.start, hunk.start + len(hunk.old)))
    for old, new in matching.pairs if removed else ():
        if old.text == new.text or old.line not in removed or likeness(old.text, new.text) >= ALIKE:
            continue
        if all(
            number in removed
            for number in range(old.line, old.line + old.text[old.head_start - old.start :].count("\n") + 1)
        ):
            yield Change("removed", old.kind, label(old), old.line, "loss", _words(old))


def _renamed(matching: Matching, after: str, language: Language) -> Iterator[Change]:
    """Yield renamed definitions, because other code may still use the old names."""
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


def _doubled(old: Sequence[Unit], new: Sequence[Unit], after: str) -> Iterator[Change]:
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
        if count > 1 and key(unit) not in known_twice and unit.body.strip() and not _may_repeat(unit, after):
            yield Change("defined twice:", unit.kind, label(unit), unit.line, "slip")


_BRANCH = re.compile(r"^[ \t]*#[ \t]*(?:else|elif|elseif)\b", re.MULTILINE)


def _may_repeat(unit: Unit, after: str) -> bool:
    """Return whether a name may be defined more than once: an extension, a blank name, or a file with
    conditional compilation.
    """
    return unit.last == "_" or "extension" in unit.modifiers or _BRANCH.search(after) is not None


def _counted(units: Sequence[Unit], key: Callable[[Unit], tuple[object, ...]]) -> list[tuple[Unit, int]]:
    """Return each definition whose name occurs more than once, with the number of occurrences in its
    block.
    """
    names = Counter(unit.name for unit in units)
    units = [unit for unit in units if names[unit.name] > 1]
    counts = Counter((key(unit), unit.block) for unit in units)
    return [(unit, counts[key(unit), unit.block]) for unit in {(key(u), u.block): u for u in units}.values()]
