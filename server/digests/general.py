"""General digest for text of unknown kind: errors and warnings by kind, the last lines, the rest folded."""

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from server.digests.focus import MOST_MEMBERS, Sought
from server.digests.fold import Kind, key_of
from server.digests.severity import rank
from server.digests.values import Fact, Line, Part, Section

MOST_KINDS = 10_000
"""Maximum number of kinds of lines to distinguish. Beyond that, lines are grouped only by first words."""
_TAIL = 60
_LONGEST_KEY = 300
_RARE = 2
_ALIKE = 3
"""Maximum number of similar lines shown at the end."""
_WORD = re.compile(r"\w")


@dataclass(slots=True)
class _Seen:
    """A kind of line, with the lines that follow its first occurrence."""

    kind: Kind
    severity: int
    """0 for ordinary lines, 1 for warnings, 2 or more for errors."""
    claimed: bool
    after: list[Line] = field(default_factory=list)


class General:
    """Collects kinds of lines, and the last lines, from text of any size."""

    def __init__(self, stems: Sequence[str] = ()) -> None:
        self.tail: deque[tuple[Line, bool]] = deque(maxlen=_TAIL)
        self.lines = 0
        self.claimed = 0
        self._seen: dict[str, _Seen] = {}
        self._sought = Sought(stems) if stems else None
        self._last: _Seen | None = None

    def feed(self, line: Line, *, claimed: bool, severe: bool, warned: bool) -> None:
        """Read a line. ``claimed`` is true if a recogniser understood the line."""
        text = line.text
        if not _WORD.search(text):
            self._last = None
            return
        self.lines += 1
        self.claimed += claimed
        self.tail.append((line, claimed))
        if self._sought is not None:
            self._sought.feed(line)
        if claimed:
            self._last = None
            return
        if self._last is not None and len(self._last.after) < 2 and text[0] in " \t":
            self._last.after.append(line)
        self._last = self._note(line, (1 + rank(text)) if severe else 1 if warned else 0)

    def facts(self, *, recognised: bool) -> list[Fact]:
        """Return the facts from unclaimed lines, which are worth less if recognisers found facts."""
        found = list(self._sought_facts())
        lower = 45 if recognised else 0
        for seen in self._seen.values():
            if seen.severity:
                found += _severe_facts(seen, lower)
            elif not recognised or seen.kind.count <= _RARE:
                found.append(_rest(seen.kind, lower // 3))
        alike: Counter[str] = Counter()
        for place, (line, claimed) in enumerate(reversed(self.tail)):
            alike[key := key_of(line.text[:_LONGEST_KEY])] += 1
            if not claimed and alike[key] <= _ALIKE:
                found.append(Fact(Section.TAIL, (Part(line.text, line.number, 58 - 2 * place - lower),)))
        return sorted(found, key=lambda fact: (fact.section, fact.parts[0].line))

    def errors(self) -> Iterator[Line]:
        """Yield the first line of each kind of error that no recogniser claimed."""
        return (Line(seen.kind.first, seen.kind.text) for seen in self._seen.values() if seen.severity > 1)

    def _note(self, line: Line, severity: int) -> _Seen | None:
        key = key_of(line.text[:_LONGEST_KEY])
        known = self._seen.get(key)
        if known is None and len(self._seen) >= MOST_KINDS:
            key = " ".join(key.split()[:2])[:60]
            known = self._seen.get(key)
            if known is None and len(self._seen) >= 2 * MOST_KINDS:
                return None
        if known is not None:
            known.kind.add(line.number, line.text, MOST_MEMBERS if severity else 1)
            return None
        seen = self._seen[key] = _Seen(Kind(line.number, line.text), severity, claimed=False)
        return seen if severity > 1 else None

    def _sought_facts(self) -> Iterator[Fact]:
        for kind, score in self._sought.ranked() if self._sought is not None else ():
            yield from of_kind(Section.FOCUS, kind, round(58 + 40 * score) - min(kind.count, 10))


def of_kind(section: Section, kind: Kind, worth: int) -> Iterator[Fact]:
    """Yield a line kind's facts: quotes if few lines differ, otherwise a template and its first line."""
    if not kind.varies:
        yield Fact(section, (Part(kind.text, kind.first, worth),), kind.count, kind.last)
    elif kind.count <= 3 and len(kind.members) == kind.count:
        for place, (text, number) in enumerate(kind.members.items()):
            yield Fact(section, (Part(text, number, worth - 3 * place),))
    else:
        template = Part(kind.template, 0, worth)
        yield Fact(section, (template,), kind.count, kind.last, template=True, first=kind.first)
        for place, (text, number) in enumerate(kind.members.items()):
            yield Fact(section, (Part(text, number, worth - 8 - 8 * place),))


def _severe_facts(seen: _Seen, lower: int) -> Iterator[Fact]:
    section = Section.ERROR if seen.severity > 1 else Section.WARNING
    worth = {1: 62, 2: 66, 3: 74, 4: 80}[seen.severity] - lower - min(seen.kind.count.bit_length(), 6)
    facts = list(of_kind(section, seen.kind, worth))
    more = tuple(Part(line.text, line.number, worth - 12) for line in seen.after)
    if more and not facts[0].template:
        facts[0] = Fact(section, facts[0].parts + more, facts[0].count, facts[0].last)
    yield from facts


def _rest(kind: Kind, lower: int) -> Fact:
    worth = (24 if kind.count <= _RARE else 20) - lower - min(kind.count.bit_length(), 6)
    part = Part(kind.template, 0, worth) if kind.varies else Part(kind.text, kind.first, worth)
    return Fact(Section.REST, (part,), kind.count, kind.last, template=kind.varies, first=kind.first)
