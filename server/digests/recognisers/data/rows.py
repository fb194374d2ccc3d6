"""Rows of cells under named columns: counts, the rows that differ, the rows with the highest values."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from server.digests.fold import key_of
from server.digests.recognisers.base import computed
from server.digests.recognisers.data.columns import Column
from server.digests.severity import is_mark
from server.digests.values import Fact, Part, Section

_RESULT = 97
_SEVERE = 92
_RARE = 84
_HIGHEST = 78
_COLUMN = 82
_LISTED = 34
_MOST_LISTED = 150
"""Maximum number of rows listed in the room that is left."""
_MOST_KINDS = 12
"""Maximum number of different values or shapes by which the rows of a column are compared."""
_LONGEST_STATE = 60
"""Maximum length of a cell that can be a state such as ``Error`` (characters)."""
_SHOWN_PER_VALUE = {True: 8, False: 3}
"""Maximum number of rows shown for one severe value, and for one rare value."""
_NARROW = 3
"""Maximum number of columns of a table whose rows are listed whole."""
_SIZE = re.compile(r"(?P<number>-?\d+(?:\.\d+)?) ?(?P<unit>[A-Za-z%]{0,4})$")
_BYTES = {"": 0, "B": 0, "K": 1, "k": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its cells, and the quotes that show it, either one for all or one for each cell."""

    cells: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def line(self) -> int:
        """The number of the row's first line."""
        return self.parts[0].line


@dataclass(slots=True)
class _Shown:
    """Why a row is shown, and the columns that make it differ."""

    severe: bool = False
    rare: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    surprise: float = 0.0


def row_facts(what: str, names: Sequence[str], rows: Sequence[Row]) -> list[Fact]:
    """Return the facts of rows whose cells stand under ``names``. ``what`` names the kind of text."""
    columns = [Column(name) for name in names]
    for row in rows:
        for column, cell in zip(columns, row.cells, strict=True):
            column.add(cell, row.line)
    told = f"{what}: {len(rows):,} rows, {len(names)} columns: {', '.join(names)}"
    found = [Fact(Section.RESULT, (computed(told, _RESULT),))]
    found += [column.fact(2 * place, _COLUMN) for place, column in enumerate(columns)]
    return [*found, *_notable(names, rows), *_listed(names, rows)]


def _notable(names: Sequence[str], rows: Sequence[Row]) -> Iterator[Fact]:
    """Yield the rows with a severe or a rare value, then those with the highest numbers."""
    shown: dict[int, _Shown] = {}
    for index, name in enumerate(names):
        cells = [row.cells[index] for row in rows]
        _note_differing(index, cells, shown)
        for rank, place in enumerate(_highest(cells)):
            shown.setdefault(place, _Shown()).labels.append(f"{'next' if rank else 'highest'} {name}")
    ordered = sorted(shown, key=lambda place: _order(shown[place], place))
    counts = {_SEVERE: 0, _RARE: 0, _HIGHEST: 0}
    for place in ordered:
        each = shown[place]
        base = _SEVERE if each.severe else _RARE if each.rare else _HIGHEST
        worth = base - min(counts[base], 40)
        counts[base] += 1
        section = Section.ERROR if each.severe else Section.NOTE
        labels = [computed(", ".join(each.labels), worth)] if each.labels else []
        yield Fact(section, (*labels, *_quotes(rows[place], each.rare, worth)))


def _order(each: _Shown, place: int) -> tuple[bool, bool, float, int]:
    return not each.severe, not each.rare, -each.surprise, place


def _quotes(row: Row, rare: Sequence[int], worth: int) -> Iterator[Part]:
    """Yield a row's quotes. If each cell has its own, the rare cells come first, long cells next."""
    if len(row.parts) == 1:
        yield replace(row.parts[0], worth=worth)
        return
    order = sorted(range(len(row.parts)), key=lambda index: (index not in rare, -len(row.cells[index])))
    for rank, index in enumerate(order):
        if row.cells[index]:
            yield replace(row.parts[index], worth=worth - 3 * rank)


def _note_differing(index: int, cells: Sequence[str], shown: dict[int, _Shown]) -> None:
    groups = _groups(cells)
    if groups is None:
        return
    counts = Counter(groups)
    most = counts.most_common(1)[0][1]
    limit = max(2, len(cells) // 25)
    is_state = groups is cells
    used: Counter[str] = Counter()
    for place, group in enumerate(groups):
        severe = is_state and len(group) <= _LONGEST_STATE and is_mark(group)
        rare = counts[group] <= limit and most >= 0.4 * len(cells)
        if not (severe or rare) or used[group] >= _SHOWN_PER_VALUE[severe]:
            continue
        used[group] += 1
        each = shown.setdefault(place, _Shown())
        each.severe = each.severe or severe
        each.rare.append(index)
        each.surprise += len(cells) / counts[group]


def _groups(cells: Sequence[str]) -> Sequence[str] | None:
    """Return what to compare in a column: the cells themselves if few differ, otherwise their shapes, or None
    if these differ, too.
    """
    if len(set(cells)) <= max(_MOST_KINDS, len(cells) // 20):
        return cells
    shapes = [key_of(cell) for cell in cells]
    return shapes if len(set(shapes)) <= _MOST_KINDS else None


def _highest(cells: Sequence[str]) -> list[int]:
    """Return the places of the three highest numbers in a column, if they stand out."""
    numbers = _numbers(cells)
    if numbers is None or len(set(numbers)) < 3:
        return []
    if all(later > earlier for earlier, later in itertools.pairwise(numbers)):
        return []  # numbered rows
    ordered = sorted(range(len(numbers)), key=lambda place: -numbers[place])
    middle, top = numbers[ordered[len(ordered) // 2]], numbers[ordered[0]]
    if top <= 0 or top < 3 * middle or numbers[ordered[min(3, len(ordered) - 1)]] == top:
        return []
    return [place for place in ordered[:3] if numbers[place] > middle]


def _numbers(cells: Sequence[str]) -> list[float] | None:
    """Return a column's numbers, or None if a cell is not a number or units cannot be compared."""
    found = [_SIZE.match(cell) for cell in cells]
    if any(each is None for each in found):
        return None
    sizes = [(float(each["number"]), each["unit"]) for each in found if each is not None]
    units = {unit for _, unit in sizes}
    if len(units) == 1:
        return [number for number, _ in sizes]
    scales = {unit: _BYTES.get(unit.removesuffix("B").removesuffix("i") or unit) for unit in units}
    if None in scales.values():
        return None
    step = 1024 if any("i" in unit for unit in units) else 1000
    return [number * step ** (scales[unit] or 0) for number, unit in sizes]


def _listed(names: Sequence[str], rows: Sequence[Row]) -> Iterator[Fact]:
    """Yield the first and the last row, and as many rows of a narrow table as there is room for."""
    if len(rows[0].parts) > 1:
        return
    if len(names) > _NARROW:
        for place, row in enumerate((rows[0], rows[-1])):
            yield Fact(Section.REST, (replace(row.parts[0], worth=56 - 4 * place),))
        return
    parts = tuple(replace(row.parts[0], worth=_LISTED) for row in rows[:_MOST_LISTED])
    yield Fact(Section.REST, parts)
    yield Fact(Section.REST, (replace(rows[-1].parts[0], worth=56),))
