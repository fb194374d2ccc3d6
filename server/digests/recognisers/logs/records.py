"""Logs with one record per line: records by level and message, with places, rare records, numeric ranges."""

import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from server.digests.fold import Kind, key_of
from server.digests.recognisers.base import MOST_KEPT, Recogniser, computed
from server.digests.values import Fact, Line, Part, Section

LEVELS = {
    "10": 0, "20": 0, "30": 0, "40": 1, "50": 2, "60": 3,
    "trace": 0, "debug": 0, "info": 0, "notice": 0, "verbose": 0,
    "warn": 1, "warning": 1, "wrn": 1, "w": 1,
    "error": 2, "err": 2, "severe": 2, "e": 2,
    "fatal": 3, "critical": 3, "crit": 3, "panic": 3, "alert": 3, "emerg": 3, "emergency": 3, "f": 3,
}  # fmt: skip
"""Levels by name and by Pino's number. 1 is a warning, 2 an error, 3 ends the program."""
_PLACE = re.compile(
    r'File \\?"[^"\\]+\\?", line \d+|[\w./-]+\.(?:py|js|ts|go|rb|java|rs|cs|php|kt):\d+(?::\d+)?'
)
_MOST_RANGES = 8
_MOST_FREQUENT = 2
_FREQUENT = 0.2
"""Minimum share of the records for a kind of message to be told though it reports nothing."""
_NUMBER_STARTS = frozenset("-0123456789")


class Record(NamedTuple):
    """One record, with its pieces as written on the line. ``status`` is an HTTP status, if present."""

    level: int
    text: str
    time: str = ""
    status: str = ""
    fields: tuple[tuple[str, str, str], ...] = ()
    """Keys and values, both as written on the line."""


@dataclass(slots=True, eq=False)
class _Group:
    level: int
    texts: Kind
    first: Line
    last: int
    count: int = 0
    samples: list[tuple[Line, Record]] = field(default_factory=list)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)


class RecordLog(Recogniser):
    """Base class for recognisers of such logs."""

    least = 3
    """Minimum number of records for text to be considered a log."""

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[tuple[int, str], _Group] = {}
        self._records = 0
        self._first_time: tuple[str, int] | None = None
        self._last_time: tuple[str, int] | None = None

    @abstractmethod
    def parse(self, text: str) -> Record | None:
        """Return the record on a line, or None if the line is not a record."""

    def feed(self, line: Line) -> bool:
        record = self.parse(line.text)
        if record is None:
            return False
        self._records += 1
        if record.time:
            self._last_time = (record.time, line.number)
            self._first_time = self._first_time or self._last_time
        level, text, key = record.level, record.text, key_of(record.text[:200])
        if record.status >= "400" and len(record.status) == 3:
            level = max(level, 2 if record.status >= "500" else 1)
            key = f"{key} {record.status}"
        group = self._groups.get((level, key))
        if group is None:
            if len(self._groups) >= MOST_KEPT:
                return True
            group = self._groups[level, key] = _Group(level, Kind(line.number, text), line, line.number)
        else:
            group.texts.add(line.number, text, 4)
        group.count += 1
        group.last = line.number
        if len(group.samples) < 4:
            group.samples.append((line, record))
        _widen(group.ranges, record)
        return True

    def facts(self) -> list[Fact]:
        if self._records < self.least:
            return []
        counts = {
            name: sum(group.count for group in self._groups.values() if group.level == level)
            for level, name in ((3, "fatal"), (2, "errors"), (1, "warnings"))
        }
        said = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        label = computed(f"{self._records:,} records; {said or 'none above information by level'}", 96)
        ends = dict.fromkeys(filter(None, (self._first_time, self._last_time)))
        times = (Part(time, number, 70) for time, number in ends)
        found = [Fact(Section.RESULT, (label, *times))]
        groups = list(self._groups.values())
        # Where a log reports nothing, its end says more than its beginning.
        ordered = sorted(
            groups, key=lambda group: (-group.level, group.count, -group.last if not group.level else 0)
        )
        frequent = sorted(groups, key=lambda group: -group.count)[:_MOST_FREQUENT]
        for place, group in enumerate(ordered):
            is_frequent = group in frequent and group.count >= self._records * _FREQUENT
            found += _facts(group, place, is_frequent=is_frequent)
        return found


def _facts(group: _Group, place: int, *, is_frequent: bool) -> Iterator[Fact]:
    section = {3: Section.FAILURE, 2: Section.ERROR, 1: Section.WARNING}.get(group.level, Section.NOTE)
    base = {3: 92, 2: 86, 1: 76}.get(group.level, 68 if is_frequent else 54 if group.count <= 3 else 40)
    worth = base - min(place // 3, 12)
    line, record = group.samples[0]
    template = group.texts.varies
    parts = [Part(group.texts.template, 0 if template else line.number, worth)]
    if record.status:
        parts.append(Part(record.status, line.number, worth))
    if group.count > 1:
        numbers = [f"{key} {low:g}–{high:g}" for key, (low, high) in group.ranges.items() if low < high]
        parts += [computed(text, worth - 30) for text in numbers[:3]]
        parts.append(computed("first", worth - 3))
    parts += _sample(line, record, worth, {part.text for part in parts})
    last = group.last if group.count > 1 else 0
    yield Fact(section, tuple(parts), group.count, last, template=template, first=line.number)
    if 1 < group.count <= 3 or (template and group.level):
        for again, (more, told) in enumerate(group.samples[1:]):
            known = {value for _, value, _ in record.fields}
            below = 4 if not group.level else 34 if template else 46
            yield Fact(section, tuple(_sample(more, told, worth - below - 6 * again, known)))


def _sample(line: Line, record: Record, worth: int, said: set[str]) -> list[Part]:
    """Return a record as a sample: its time, the last place it names, its text and its short fields."""
    parts = [Part(record.time, line.number, worth - 3)] if record.time else []
    if found := _PLACE.findall(line.text):
        parts.append(Part(found[-1], line.number, worth - 2))
    if record.text and record.text not in said:
        parts.append(Part(record.text, line.number, worth - 4))
    for _, value, spelled in record.fields:
        if value and value not in said and len(value) <= 160 and len(parts) < 10:
            parts.append(Part(spelled, line.number, worth - 4 - 2 * len(parts)))
    return parts


def _widen(ranges: dict[str, tuple[float, float]], record: Record) -> None:
    for key, value, _ in record.fields:
        if value[:1] not in _NUMBER_STARTS or not value:
            continue
        try:
            number = float(value)
        except ValueError:
            continue
        known = ranges.get(key)
        if known is None:
            if len(ranges) < _MOST_RANGES:
                ranges[key] = (number, number)
        elif not known[0] <= number <= known[1]:
            ranges[key] = (min(known[0], number), max(known[1], number))
