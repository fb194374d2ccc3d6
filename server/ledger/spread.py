"""Counts by size on a logarithmic scale, for medians that can be merged and stored."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

_STEPS = 40
"""Steps per factor of e: sizes one step apart differ by 2.5 %."""


@dataclass
class Spread:
    """The number of values seen at each size; plain JSON values. Values of zero or less count as the smallest
    step.
    """

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, value: float, times: int = 1) -> None:
        """Add a value to the counts."""
        step = str(round(math.log(value) * _STEPS)) if value > 0 else "none"
        self.counts[step] = self.counts.get(step, 0) + times

    @property
    def number(self) -> int:
        """The number of values counted."""
        return sum(self.counts.values())

    @property
    def median(self) -> float | None:
        """The median, within 1.3 %; None if there are no values."""
        half = self.number / 2
        for value, count in sorted((_value(step), count) for step, count in self.counts.items()):
            half -= count
            if half <= 0:
                return value
        return None


def merge_spreads(parts: Iterable[Spread]) -> Spread:
    """Return all values combined."""
    whole = Spread()
    for part in parts:
        for step, count in part.counts.items():
            whole.counts[step] = whole.counts.get(step, 0) + count
    return whole


def _value(step: str) -> float:
    return 0.0 if step == "none" else math.exp(int(step) / _STEPS)
