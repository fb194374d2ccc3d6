"""How far the estimates are off on this user's own records: a histogram that can be added up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

# Errors are kept in steps of half a per cent, up to this many steps either way (400 %).
_STEP = 0.005
_MOST = 800
SMALLEST = 100
"""Smaller items are mostly framing and rounding; they count in the sums, not in the median."""


@dataclass
class Accuracy:
    """Estimates held against true counts, for one tokenizer family; plain JSON values.

    ``steps`` counts items of 100 tokens and more by relative error, in half per cents.
    """

    steps: dict[str, int] = field(default_factory=dict)
    estimated: int = 0
    true: int = 0

    def add(self, estimated: float, true: int) -> None:
        """Add one item."""
        self.estimated += round(estimated)
        self.true += true
        if true >= SMALLEST:
            step = str(max(-_MOST, min(_MOST, round((estimated / true - 1) / _STEP))))
            self.steps[step] = self.steps.get(step, 0) + 1

    @property
    def items(self) -> int:
        """Items of 100 tokens and more."""
        return sum(self.steps.values())

    @property
    def median(self) -> float | None:
        """The median error without its sign, as a share; None without items."""
        sizes: Counter[int] = Counter()
        for step, count in self.steps.items():
            sizes[abs(int(step))] += count
        half = self.items / 2
        for size in sorted(sizes):
            half -= sizes[size]
            if half <= 0:
                return size * _STEP
        return None

    @property
    def aggregate(self) -> float | None:
        """The error of the sum with its sign, as a share; None without items."""
        return self.estimated / self.true - 1 if self.true else None


def add_up(parts: Iterable[Accuracy]) -> Accuracy:
    """Return all parts as one."""
    whole = Accuracy()
    for part in parts:
        whole.estimated += part.estimated
        whole.true += part.true
        for step, count in part.steps.items():
            whole.steps[step] = whole.steps.get(step, 0) + count
    return whole
