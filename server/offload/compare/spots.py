"""The places an edit changes, and which of them are unrelated to the others.

Two places belong together if they change a common name, or if one changes a use of the other. The task is not
needed for this; the names it mentions only determine which group of places was wanted.
"""

import bisect
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from server.offload.code.languages import Language, grammar_of
from server.offload.code.mentions import Mentions
from server.offload.compare.hunks import hunks
from server.offload.compare.units import Unit, attribute_lines, line_of, line_starts, units_of
from server.offload.compare.values import Change

MOST_SPOTS = 40
"""Maximum number of places in an edit to compare with each other. An edit with more is a rewrite of the file.
"""
_HOLDERS = frozenset(
    {"class", "module", "impl", "namespace", "object", "trait", "extension", "struct", "type", "record"}
)
"""Kinds of definitions whose own lines are just fields. Many changes touch these fields as well."""
_NAME = re.compile(r"[^\W\d]\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]{2,}|[^\W\d_a-zA-Z]+")


@dataclass
class Spot:
    """The changes inside one definition, or one run of changed lines outside any definition.

    ``names`` occur more or less often than before; ``around`` holds all names on the changed lines.
    ``replaced`` means that lines were changed or removed rather than just added. ``attribute`` is the first
    changed line if only attributes changed.
    """

    before: Unit | None
    after: Unit | None
    line: int
    names: set[str] = field(default_factory=set)
    around: set[str] = field(default_factory=set)
    lines: int = 0
    replaced: bool = False
    attribute: str = ""
    old_lines: list[range] = field(default_factory=list)

    @property
    def unit(self) -> Unit | None:
        """The definition: the version after the edit if it still exists."""
        return self.after or self.before

    @property
    def is_change(self) -> bool:
        """Return whether this changes a definition or attribute rather than only adding one."""
        own = self.unit is not None and self.unit.kind not in _HOLDERS
        return self.replaced and (own or bool(self.attribute))

    def hits(self, mentions: Mentions) -> tuple[int, int]:
        """Return how many parts of the changed names occur in the task, and how many of those on the changed
        lines do.
        """
        own = {self.unit.last} if self.unit is not None else set()
        near = set(self.unit.name.split(".")) if self.unit is not None else set()
        changed, around = parts_of(own | self.names), parts_of(near | self.around)
        return sum(map(mentions.has_part, changed)), sum(map(mentions.has_part, around))


def parts_of(names: Iterable[str]) -> frozenset[str]:
    """Return the names in lower case, along with the parts of ``camelCase`` and ``snake_case`` names."""
    return frozenset(part.lower() for name in names if len(name) > 1 for part in (name, *_PART.findall(name)))


@dataclass(frozen=True)
class Places:
    """The places that an edit changes, split into those the task is most likely about and the rest."""

    main: tuple[Spot, ...] = ()
    others: tuple[Spot, ...] = ()
    hit: bool = False

    def meant(self, line: int) -> bool:
        """Return whether the main group changes or removes a line of the original text."""
        return any(line in lines for spot in self.main for lines in spot.old_lines)

    def unrelated(self) -> list[Change]:
        """Return the changed definitions outside the main group."""
        return [_change(spot) for spot in self.others if spot.is_change]

    def all_changed(self) -> list[Change]:
        """Return all changed definitions."""
        return [_change(spot) for spot in (*self.main, *self.others) if spot.is_change]


def places_of(before: str, after: str, language: Language | None, mentions: Mentions) -> Places:
    """Return the places an edit changes, or none if there are too many to compare."""
    spots = spots_of(before, after, language)
    if not spots or len(spots) > MOST_SPOTS:
        return Places()
    groups = _groups(spots)

    def wanted(group: Sequence[Spot]) -> tuple[int, bool, int, int]:
        hits, near = map(max, zip(*(each.hits(mentions) for each in group), strict=True))
        return hits, not all(each.attribute for each in group), near, sum(each.lines for each in group)

    main = max(groups, key=wanted)
    others = [spot for group in groups if group is not main for spot in group]
    return Places(tuple(main), tuple(others), hit=wanted(main)[0] > 0)


def spots_of(before: str, after: str, language: Language | None) -> list[Spot]:
    """Return the places an edit changes, in order."""
    old, new = _Regions(before, language), _Regions(after, language)
    known = keywords(language) if language is not None else frozenset()
    spots: dict[str, Spot] = {}
    for hunk in hunks(before, after):
        a, b = old.unit_of(hunk.start, len(hunk.old)), new.unit_of(hunk.new_start, len(hunk.new))
        unit = a or b
        attribute = old.attribute_at(hunk.start, hunk.old) and (
            new.attribute_at(hunk.new_start, hunk.new) or " ".join(hunk.new).strip() == ""
        )
        key = f"line {hunk.start}" if attribute or unit is None else unit.name
        spot = spots.setdefault(key, Spot(a, b, hunk.start))
        spot.attribute = hunk.old[0].strip() if attribute else ""
        old_names, new_names = _names(hunk.old), _names(hunk.new)
        spot.names |= {each for each in old_names | new_names if old_names[each] != new_names[each]} - known
        spot.around |= set(old_names | new_names) - known
        spot.lines += sum(1 for line in (*hunk.old, *hunk.new) if line.strip())
        spot.old_lines.append(range(hunk.start, hunk.start + len(hunk.old)))
        spot.replaced |= any(line.strip() for line in hunk.old)
        spot.before, spot.after = spot.before or a, spot.after or b
        if len(spots) > MOST_SPOTS:
            break
    return list(spots.values())


@cache
def keywords(language: Language) -> frozenset[str]:
    """Return a grammar's words: its keywords, and literals such as ``true``."""
    grammar = grammar_of(language)
    kinds = (grammar.node_kind_for_id(number) for number in range(grammar.node_kind_count))
    return frozenset(kind for kind in kinds if kind and kind.isidentifier())


class _Regions:
    """Finds the innermost definition around given lines."""

    def __init__(self, text: str, language: Language | None) -> None:
        self._units = units_of(text, language) if language is not None else ()
        self._starts = line_starts(text)
        self._firsts = [unit.start for unit in self._units]
        self._attributes = attribute_lines(text, language) if language is not None else frozenset()

    def attribute_at(self, line: int, lines: Sequence[str]) -> bool:
        """Return whether these lines hold only attributes."""
        return bool(lines) and all(line + offset in self._attributes for offset in range(len(lines)))

    def unit_of(self, line: int, count: int) -> Unit | None:
        if not count:
            return None
        start = self._starts[line - 1]
        for index in range(bisect.bisect_right(self._firsts, start) - 1, -1, -1):
            unit = self._units[index]
            if line_of(self._starts, unit.end) >= line + count - 1:
                return unit
            if unit.level == 0:
                return None
        return None


def _names(lines: Sequence[str]) -> Counter[str]:
    return Counter(_NAME.findall("\n".join(lines)))


def _groups(spots: Sequence[Spot]) -> list[list[Spot]]:
    """Return the spots in groups. Spots in different groups are unrelated."""
    groups: list[list[Spot]] = []
    for spot in spots:
        near = [group for group in groups if any(_related(spot, each) for each in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(each for group in near for each in group), spot])
    return groups


def _related(one: Spot, other: Spot) -> bool:
    if one.names & other.names:
        return True
    return any(a.unit is not None and a.unit.last in b.names for a, b in ((one, other), (other, one)))


def _change(spot: Spot) -> Change:
    unit = spot.unit
    if spot.attribute:
        owner = f" of {unit.last}" if unit is not None else ""
        return Change("changed", "", f"{spot.attribute}{owner}", spot.line)
    kind, name = (unit.kind, unit.name) if unit is not None else ("line", str(spot.line))
    return Change("changed", kind, name, unit.line if unit is not None else spot.line)
