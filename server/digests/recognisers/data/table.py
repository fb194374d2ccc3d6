"""CSV and other delimited tables: the type, range and frequent values of each column, and irregular rows."""

import csv
from collections.abc import Sequence

from server.digests.recognisers.base import computed
from server.digests.recognisers.data.columns import NUMBER, Column
from server.digests.values import Fact, Part, Section

_DELIMITERS = (",", "\t", ";", "|")
_PROBE = 20


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
        distinct = len(set(header)) == width and all(header) and not any(map(NUMBER.match, header))
        short = all(len(cell) < 60 for cell in header)
        if width >= least and regular and distinct and short and (named or "): " not in lines[0]):
            return delimiter
    return ""


def table_facts(lines: Sequence[str], delimiter: str) -> list[Fact]:
    """Return the facts of a table whose first line is the header."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    columns: list[Column] = []
    odd: list[tuple[int, int]] = []
    rows = first = last = 0
    try:
        for row in reader:
            if not row:
                continue
            if not columns:
                columns = [Column(name.strip()) for name in row]
                continue
            rows += 1
            first, last = first or reader.line_num, reader.line_num
            if len(row) != len(columns):
                odd.append((reader.line_num, len(row)))
                continue
            for column, cell in zip(columns, row, strict=True):
                column.add(cell.strip(), reader.line_num)
    except csv.Error:
        return []
    label = {",": "CSV", "\t": "TSV", ";": "CSV with ;", "|": "table with |"}[delimiter]
    found = [Fact(Section.RESULT, (computed(f"{label}: {rows:,} rows, {len(columns)} columns", 98),))]
    if odd:
        shown = ", ".join(f"L{line} has {width}" for line, width in odd[:8])
        found.append(
            Fact(
                Section.WARNING,
                (computed(f"{len(odd)} rows with a different number of fields: {shown}", 94),),
            )
        )
    found += [column.fact(place) for place, column in enumerate(columns)]
    for place, line in enumerate((1, first, last)):
        if line and line <= len(lines):
            found.append(Fact(Section.REST, (Part(lines[line - 1], line, 70 - 4 * place),)))
    return found
