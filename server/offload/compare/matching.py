"""Pairs up definitions before and after an edit."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from server.offload.compare.units import Unit

ALIKE = 0.5
"""Share of common words above which a definition with another name is considered the same one."""
ALIKE_IN_PLACE = 0.2
"""The same share for a definition that stands where the old one was."""
_WORD = re.compile(r"\w+")
MOST_WORDS = 4_000
SURELY_ALIKE = 0.95
"""Share from which no better counterpart is sought."""
MOST_COMPARED = 10_000
"""Maximum number of unpaired definition pairs compared. Beyond it, only the first ``NEAR`` in order are."""
NEAR = 40
_SLOT = tuple[str, str, str]


@dataclass(frozen=True)
class Matching:
    """Definitions paired up across an edit.

    ``pairs`` holds each definition before and after, including renamed and moved ones. ``gone`` holds the
    outermost definitions without a counterpart. ``added`` holds new definitions.
    """

    pairs: tuple[tuple[Unit, Unit], ...]
    gone: tuple[Unit, ...]
    added: tuple[Unit, ...]


def match(old: Sequence[Unit], new: Sequence[Unit]) -> Matching:
    """Pair definitions by name and signature, then by name, then if moved, then if renamed."""
    pairs, rest, added = _by_name(old, new)
    rest, added = _moved(pairs, rest, added)
    rest, added = _renamed(pairs, rest, added, old, new)
    left = {b.name for _, b in pairs} | {unit.name for unit in added}
    # A container of which another part remains (an extension, an ``impl``) was merged: its members count.
    rest = [unit for unit in rest if _group(unit.kind) == "callable" or unit.name not in left]
    gone = {unit.name for unit in rest}
    replaced = {a.name for a, b in pairs if _group(a.kind) != _group(b.kind)}
    top = [
        unit for unit in rest if not any(outer in gone or outer in replaced for outer in _outers(unit.name))
    ]
    return Matching(tuple(pairs), tuple(top), tuple(added))


def likeness(one: str, other: str) -> float:
    """Return the share of words that two texts have in common, from 0 to 1."""
    a, b = Counter(_WORD.findall(one)[:MOST_WORDS]), Counter(_WORD.findall(other)[:MOST_WORDS])
    return _share(a, b)


def _share(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def _by_name(
    old: Sequence[Unit], new: Sequence[Unit]
) -> tuple[list[tuple[Unit, Unit]], list[Unit], list[Unit]]:
    named: dict[str, list[Unit]] = defaultdict(list)
    for unit in new:
        named[unit.name].append(unit)
    pairs: list[tuple[Unit, Unit]] = []
    rest = list(old)
    ways: tuple[Callable[[Unit, Unit], bool], ...] = (
        lambda a, b: a.text == b.text and a.kind == b.kind and (a.scope > 0) == (b.scope > 0),
        lambda a, b: a.body == b.body and _whole_head(a) == _whole_head(b),
        lambda a, b: _whole_head(a) == _whole_head(b),
        lambda a, b: a.signature == b.signature and a.kind == b.kind,
        lambda a, b: len(a.signature) <= len(b.signature) and a.kind == b.kind,
        lambda _a, _b: True,
    )
    for same in ways:
        left: list[Unit] = []
        for unit in rest:
            found = next((each for each in named[unit.name] if same(unit, each)), None)
            if found is None:
                left.append(unit)
            else:
                named[unit.name].remove(found)
                pairs.append((unit, found))
        rest = left
    return pairs, rest, [unit for units in named.values() for unit in units]


def _whole_head(unit: Unit) -> tuple[object, ...]:
    return unit.kind, unit.signature, unit.attributes, unit.scope > 0


def _moved(
    pairs: list[tuple[Unit, Unit]], rest: list[Unit], added: list[Unit]
) -> tuple[list[Unit], list[Unit]]:
    """Pair definitions that moved, such as out of a class or into a module, but kept their unqualified
    name.
    """
    named: dict[str, list[Unit]] = defaultdict(list)
    for each in added:
        named[each.last].append(each)
    left: list[Unit] = []
    for unit in rest:
        found = named[unit.last]
        best = max(found, key=lambda each: likeness(unit.body, each.body), default=None)
        if best is None or (len(found) > 1 and likeness(unit.body, best.body) < ALIKE):
            left.append(unit)
        else:
            found.remove(best)
            pairs.append((unit, best))
    still = {id(each) for found in named.values() for each in found}
    return left, [each for each in added if id(each) in still]


def _renamed(
    pairs: list[tuple[Unit, Unit]],
    rest: list[Unit],
    added: list[Unit],
    old: Sequence[Unit],
    new: Sequence[Unit],
) -> tuple[list[Unit], list[Unit]]:
    known = {id(a): b.name for a, b in pairs} | {id(b): b.name for _, b in pairs}
    slots_old, slots_new = _slots(old, known), _slots(new, known)
    words = {id(each): Counter(_WORD.findall(each.body)[:MOST_WORDS]) for each in (*rest, *added)}
    groups: dict[str, list[Unit]] = defaultdict(list)
    for each in added:
        groups[_group(each.kind)].append(each)
    every = len(rest) * len(added) <= MOST_COMPARED
    left: list[Unit] = []
    for unit in rest:
        group = groups[_group(unit.kind)]
        best, best_share = None, 0.0
        for each in group if every else group[:NEAR]:
            share = _share(words[id(unit)], words[id(each)])
            in_place = slots_old[id(unit)] == slots_new[id(each)]
            if share >= (ALIKE_IN_PLACE if in_place else ALIKE) and share > best_share:
                best, best_share = each, share
            if best_share > SURELY_ALIKE:
                break
        if best is None:
            left.append(unit)
        else:
            group.remove(best)
            pairs.append((unit, best))
    still = {id(each) for group in groups.values() for each in group}
    return left, [each for each in added if id(each) in still]


def _slots(units: Sequence[Unit], known: dict[int, str]) -> dict[int, _SLOT]:
    """Return the nearest paired neighbours of each unpaired definition."""
    slots: dict[int, _SLOT] = {}
    before = ""
    waiting: list[tuple[Unit, str]] = []
    for unit in units:
        if id(unit) in known:
            slots |= {id(each): (each.outer, first, known[id(unit)]) for each, first in waiting}
            waiting, before = [], known[id(unit)]
        else:
            waiting.append((unit, before))
    return slots | {id(each): (each.outer, first, "") for each, first in waiting}


def _group(kind: str) -> str:
    """Return the group that a kind belongs to: callables or containers."""
    if kind in ("function", "method", "constructor", "property", "getter", "setter", "macro", "delegate"):
        return "callable"
    return "container"


def _outers(name: str) -> Iterable[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
