"""Columns of a table: types, extremes and frequent values."""

import re
from collections import Counter
from dataclasses import dataclass, field

from server.digests.recognisers.base import computed
from server.digests.values import Fact, Section

NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?(?:e[+-]?\d+)?%?$", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$")
_MOST_VALUES = 5_000
_WORTH = 86
_FEW = 4
"""Maximum number of values that are told though each occurs once."""


@dataclass(slots=True)
class Column:
    """The cells of a column. Extremes are kept as written, with their line numbers."""

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

    def add(self, cell: str, line: int) -> None:
        """Add a cell, which may be empty."""
        if not cell:
            self.empty += 1
            return
        self.filled += 1
        if cell in self.values or len(self.values) < _MOST_VALUES:
            self.values[cell] += 1
        if NUMBER.match(cell):
            self.numbers += 1
            number = float(cell.rstrip("%").replace(",", "."))
            if self.low is None or number < self.low[0]:
                self.low = (number, cell, line)
            if self.high is None or number > self.high[0]:
                self.high = (number, cell, line)
        elif _DATE.match(cell):
            self.dates += 1
            if self.early is None or cell < self.early[0]:
                self.early = (cell, line)
            if self.late is None or cell > self.late[0]:
                self.late = (cell, line)

    def fact(self, place: int, highest: int = _WORTH) -> Fact:
        """Return the column's fact. ``place`` is the column's position, ``highest`` the first one's worth."""
        worth = highest - min(place, 30)
        many = 0.9 * max(self.filled, 1)
        kind = "numbers" if self.numbers >= many else "dates" if self.dates >= many else "text"
        parts = [computed(f"{self.name}: {kind}", worth)]
        if self.empty:
            parts.append(computed(f"{self.empty} empty", worth - 3))
        if kind == "numbers" and self.low and self.high:
            low, high = self.low, self.high
            parts.append(computed(f"{low[1]} (L{low[2]}) to {high[1]} (L{high[2]})", worth - 2))
            if self.numbers < self.filled:
                others = [value for value in self.values if not NUMBER.match(value)][:4]
                parts.append(computed(f"not numbers: {', '.join(others)}", worth - 1))
        if kind == "dates" and self.early and self.late:
            (early, first), (late, last) = self.early, self.late
            parts.append(computed(f"{early} (L{first}) to {late} (L{last})", worth - 2))
        different = len(self.values)
        if different and (kind != "numbers" or different <= 6):
            common = self.values.most_common(6)
            told = ", ".join(f"{value[:40]} ×{count}" for value, count in common)
            parts.append(
                computed(
                    f"{different} values: {told}"
                    if common[0][1] > 1 or different <= _FEW
                    else f"{different} different values",
                    worth - 4,
                )
            )
        return Fact(Section.NOTE, tuple(parts))
