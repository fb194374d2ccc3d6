"""CSV and other delimited tables: columns with types, extremes and frequent values, and irregular rows."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.digests.recognisers.base import computed
from server.digests.values import Fact, Part, Section

_DELIMITERS = (",", "\t", ";", "|")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?(?:e[+-]?\d+)?%?$", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$")
_MOST_VALUES = 5_000
_PROBE = 20


@dataclass(slots=True)
class _Column:
    name: str
    empty: int = 0
    filled: int = 0
    numbers: int = 0
    values: Counter[str] = field(default_factory=Counter)
    low: tuple[float, str, int] | None = None
    high: tuple[float, str, int] | None = None
    dates: int = 0
    early: tuple[str, int] | None = None
    late: tuple[str, int] | None = None


def delimiter_of(lines: Sequence[str], named: bool) -> str:
    """Return a table's delimiter; empty if the text is not a table."""
    probe = [line for line in lines[: 2 * _PROBE] if line.strip()][:_PROBE]
    if len(probe) < 3:
        return ""
    for delimiter in _DELIMITERS:
        rows = list(csv.reader(probe, delimiter=delimiter))
        width = len(rows[0])
        regular = sum(len(row) == width for row in rows) >= 0.9 * len(rows)
        least = 2 if named else 3
        header = [cell.strip() for cell in rows[0]]
        distinct = len(set(header)) == width and all(header) and not any(map(_NUMBER.match, header))
        short = all(len(cell) < 60 for cell in header)
        if width >= least and regular and distinct and short and (named or "): " not in lines[0]):
            return delimiter
    return ""


def table_facts(lines: Sequence[str], delimiter: str) -> list[Fact]:
    """Return the facts of a table whose first line is the header."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    columns: list[_Column] = []
    odd: list[tuple[int, int]] = []
    rows = first = last = 0
    try:
        for row in reader:
            if not row:
                continue
            if not columns:
                columns = [_Column(name.strip()) for name in row]
                continue
            rows += 1
            first, last = first or reader.line_num, reader.line_num
            if len(row) != len(columns):
                odd.append((reader.line_num, len(row)))
                continue
            for column, cell in zip(columns, row, strict=True):
                _note(column, cell.strip(), reader.line_num)
    except csv.Error:
        return []
    label = {",": "CSV", "\t": "TSV", ";": "CSV with ;", "|": "table with |"}[delimiter]
    found = [Fact(Section.RESULT, (computed(f"{label}: {rows:,} rows, {len(columns)} columns", 98),))]
    if odd:
        shown = ", ".join(f"L{line} has {width}" for line, width in odd[:8])
        found.append(
            Fact(Section.WARNING, (computed(f"{len(odd)} rows with another number of fields: {shown}", 94),))
        )
    found += [_column_fact(column, place) for place, column in enumerate(columns)]
    for place, line in enumerate((1, first, last)):
        if line and line <= len(lines):
            found.append(Fact(Section.REST, (Part(lines[line - 1], line, 70 - 4 * place),)))
    return found


def _note(column: _Column, cell: str, line: int) -> None:
    if not cell:
        column.empty += 1
        return
    column.filled += 1
    if cell in column.values or len(column.values) < _MOST_VALUES:
        column.values[cell] += 1
    if _NUMBER.match(cell):
        column.numbers += 1
        number = float(cell.rstrip("%").replace(",", "."))
        if column.low is None or number < column.low[0]:
            column.low = (number, cell, line)
        if column.high is None or number > column.high[0]:
            column.high = (number, cell, line)
    elif _DATE.match(cell):
        column.dates += 1
        if column.early is None or cell < column.early[0]:
            column.early = (cell, line)
        if column.late is None or cell > column.late[0]:
            column.late = (cell, line)


def _column_fact(column: _Column, place: int) -> Fact:
    worth = 86 - min(place, 30)
    filled = column.filled
    many = 0.9 * max(filled, 1)
    kind = "numbers" if column.numbers >= many else "dates" if column.dates >= many else "text"
    parts = [computed(f"{column.name}: {kind}", worth)]
    if column.empty:
        parts.append(computed(f"{column.empty} empty", worth - 3))
    if kind == "numbers" and column.low and column.high:
        low, high = column.low, column.high
        parts.append(computed(f"{low[1]} (L{low[2]}) to {high[1]} (L{high[2]})", worth - 2))
        if column.numbers < filled:
            others = [value for value in column.values if not _NUMBER.match(value)][:4]
            parts.append(computed(f"not numbers: {', '.join(others)}", worth - 1))
    if kind == "dates" and column.early and column.late:
        (early, first), (late, last) = column.early, column.late
        parts.append(computed(f"{early} (L{first}) to {late} (L{last})", worth - 2))
    different = len(column.values)
    if different and (kind != "numbers" or different <= 6):
        common = column.values.most_common(6)
        told = ", ".join(f"{value[:40]} ×{count}" for value, count in common)
        parts.append(
            computed(
                f"{different} values: {told}" if common[0][1] > 1 else f"{different} different values",
                worth - 4,
            )
        )
    return Fact(Section.NOTE, tuple(parts))
