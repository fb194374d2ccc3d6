"""Test failures: a name, a cause, places. Failures with the same cause and place are reported once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from server.digests.recognisers.base import MOST_KEPT, computed
from server.digests.values import Fact, Part, Section

MOST_NAMES = 12
"""Maximum number of names listed for failures with the same cause."""
MOST_DETAILS = 24
"""Maximum number of lines kept after the cause of each failure. At most six are shown."""
_WORTH = 88
_MANY = 8
"""Number of distinct failures above which all names and causes come before any places."""
_DIFFERS = (
    "-",
    "+",
    "Expected",
    "Received",
    "expected",
    "actual",
    "left",
    "right",
    "Error message:",
    "Rejected to",
)
_TELLS_NOTHING = re.compile(
    r"[-+?^~. ]*$|\+ (?:actual - expected|expected - actual)$"
    r"|[-+] (?:Expected|Received|Snapshot)(?: +[-+] +\d+)?$"
    r"|(?:Cause|Differing items|Full diff.*):?$|Omitting \d+ identical|comparison failed$|Use -v"
    r"|\.\.\.Full output|Snapshot name: |[({\[\])}.]+$"
)
"""Lines between a cause and the differing values that add no information."""
_ANNOUNCES = re.compile(r".*(?::|equality)$|assertion `|expect\(|(?:\w+: )?assert .*\.\.\.|.*Lists differ: ")
"""Causes that leave out or abbreviate the values."""


@dataclass(slots=True)
class Failure:
    """A failed test, as the report describes it."""

    name: Part
    label: str = ""
    cause: Part | None = None
    places: list[Part] = field(default_factory=list)
    details: list[Part] = field(default_factory=list)
    last: int = 0


class Failures:
    """All failures in a run."""

    def __init__(self) -> None:
        self.items: list[Failure] = []
        self.more = 0

    def add(self, failure: Failure) -> None:
        """Keep a failure. If there are too many, only count it."""
        if len(self.items) < MOST_KEPT:
            self.items.append(failure)
        else:
            self.more += 1

    def facts(self, section: Section = Section.FAILURE, worth: int = _WORTH) -> list[Fact]:
        """Return a fact for each distinct failure, in text order."""
        groups: dict[tuple[str, ...], list[Failure]] = {}
        for item in self.items:
            cause = item.cause.text if item.cause else item.name.text
            key = (item.label, cause, *(part.text for part in item.places[:1]))
            groups.setdefault(key, []).append(item)
        step = 6 if len(groups) > _MANY else 2
        found = [
            _fact(section, group, worth - min(place // 3, 20), step)
            for place, group in enumerate(groups.values())
        ]
        if self.more:
            found.append(Fact(section, (computed(f"{self.more:,} more failures", worth),)))
        return found


def _fact(section: Section, group: Sequence[Failure], worth: int, step: int) -> Fact:
    first = group[0]
    parts = [computed(first.label, worth)] if first.label else []
    parts.append(replace(first.name, worth=worth))
    if first.cause:
        parts.append(replace(first.cause, worth=worth - 1))
    parts += [
        replace(part, worth=worth - step - (12 + 2 * step) * place)
        for place, part in enumerate(first.places[:3])
    ]
    parts += _details(first, worth + 2 - step)
    parts += _names(group[1:], worth - 12)
    last = max(item.last or item.name.line for item in group)
    return Fact(section, tuple(parts), len(group), last if len(group) > 1 else 0)


def _details(failure: Failure, worth: int) -> list[Part]:
    """Put differing lines first, and close to a cause that only announces them."""
    cause = failure.cause.text if failure.cause else ""
    announces = _ANNOUNCES.match(cause) is not None
    told = [part for part in failure.details if not _TELLS_NOTHING.match(part.text)]
    differing = [part for part in told if part.text.startswith(_DIFFERS)]
    ordered = differing or told if announces else told
    step = 3 if announces else 48
    return [
        replace(part, worth=worth - step - 6 * place - (10 if place > 1 else 0))
        for place, part in enumerate(ordered[:6])
    ]


def _names(group: Iterable[Failure], worth: int) -> list[Part]:
    names = [item.name for item in group]
    return [replace(name, worth=worth - place) for place, name in enumerate(names[:MOST_NAMES])]
