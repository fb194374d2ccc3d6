"""Records of several ``name: value`` lines, as PowerShell's Format-List, wevtutil and ``/proc/cpuinfo`` print
them. They are recognised by the names that recur in the same order.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from server.digests.recognisers.base import computed
from server.digests.recognisers.data.rows import Row, row_facts
from server.digests.values import Fact, Line, Part, Section

_PROBE = 2_000
"""Number of lines that decide whether a long text consists of records."""
_LEAST_RECORDS = 5
_LEAST_NAMES = 3
_COMMON = 0.6
"""Minimum share of the records that have a name."""
_COVERED = 0.4
"""Minimum share of the lines that name a value."""
_MOST_NAMES = 24
_FIELD = re.compile(r"\s*(?P<name>[A-Za-z][\w.()/#-]*(?: [\w.()/#-]+){0,4}?)\s*:(?:\s+(?P<value>\S.*)|\s*$)")
_CODE = (",", ";", "{", "}", "(", ")", "[")
_MOST_CODE = 0.2
"""Maximum share of the lines that end like source code."""
_NUMBERED = re.compile(r"\s*\w+ ?\[\d+\] ?:?\s*$")


@dataclass(slots=True)
class _Record:
    values: dict[str, Part] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    open: str = ""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Records with common names."""

    rows: tuple[Row, ...]
    names: tuple[str, ...]
    lines: int

    def facts(self) -> list[Fact]:
        """Return the facts, with the first and the last record."""
        found = row_facts("records", self.names, self.rows)
        for place, row in enumerate((self.rows[0], self.rows[-1])):
            worth = 52 - 4 * place
            parts = [part for part, cell in zip(row.parts, row.cells, strict=True) if cell]
            shown = tuple(Part(part.text, part.line, worth - rank) for rank, part in enumerate(parts[:8]))
            found.append(Fact(Section.REST, (computed("last" if place else "first", worth), *shown)))
        return found


def blocks_of(lines: Sequence[Line]) -> Blocks | None:
    """Return the records in the text, or None if it does not consist of records. In a long text, the first
    lines decide whether it can.
    """
    if len(lines) > 2 * _PROBE and _blocks_of(lines[:_PROBE]) is None:
        return None
    return _blocks_of(lines)


def _blocks_of(lines: Sequence[Line]) -> Blocks | None:
    filled = [line for line in lines if line.text.strip()]
    fields = {line.number: found for line in filled if (found := _FIELD.match(line.text))}
    if len(fields) < max(_LEAST_RECORDS * _LEAST_NAMES, _COVERED * len(filled)):
        return None
    if sum(line.text.rstrip().endswith(_CODE) for line in filled) > _MOST_CODE * len(filled):
        return None
    first = next(iter(fields.values()))["name"]
    records = list(_records(filled, fields, first))
    counts = Counter(name for record in records for name in record.values)
    names = tuple(name for name, count in counts.items() if count >= _COMMON * len(records))[:_MOST_NAMES]
    if len(records) < _LEAST_RECORDS or len(names) < _LEAST_NAMES:
        return None
    rows = [_row(record, names) for record in records if record.values]
    return Blocks(tuple(rows), names, len(filled))


def _records(filled: Sequence[Line], fields: dict[int, re.Match[str]], first: str) -> Iterator[_Record]:
    """Yield the records. Each begins with the name that the first one begins with."""
    record = _Record()
    for line in filled:
        found = fields.get(line.number)
        if found is None:
            _continue(record, line)
            continue
        if found["name"] == first and record.values:
            yield record
            record = _Record()
        if found["name"] not in record.values:
            record.values[found["name"]] = Part(" ".join(line.text.split()), line.number)
            value = (found["value"] or "").rstrip()
            record.cells[found["name"]] = value
            record.open = "" if value else found["name"]
    yield record


def _continue(record: _Record, line: Line) -> None:
    """Use a line without a name as the value of the name before it, if that has none."""
    if record.open and not _NUMBERED.match(line.text):
        record.values[record.open] = Part(" ".join(line.text.split()), line.number)
        record.cells[record.open] = line.text.strip()
        record.open = ""


def _row(record: _Record, names: Sequence[str]) -> Row:
    known = next(iter(record.values.values()))
    parts = tuple(record.values.get(name, Part("", known.line)) for name in names)
    return Row(tuple(record.cells.get(name, "") for name in names), parts)
