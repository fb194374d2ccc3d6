"""Histogram of estimation errors on the user's own records."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from server.ledger.tokens import MEDIAN_ERROR, Family

# Errors are counted in steps of 0.5 %, up to 800 steps in either direction (400 %).
_STEP = 0.005
_MOST = 800
SMALLEST = 100
"""Smaller items consist mostly of framing and rounding. They count towards the sums, but not the median."""


@dataclass
class Accuracy:
    """Estimated and true counts for one tokenizer family; plain JSON values.

    ``steps`` counts items of at least 100 tokens by relative error, in steps of 0.5 %.
    """

    steps: dict[str, int] = field(default_factory=dict)
    estimated: int = 0
    true: int = 0

    def add(self, estimated: float, true: int) -> None:
        """Add the estimate and the true count of one item."""
        self.estimated += round(estimated)
        self.true += true
        if true >= SMALLEST:
            step = str(max(-_MOST, min(_MOST, round((estimated / true - 1) / _STEP))))
            self.steps[step] = self.steps.get(step, 0) + 1

    @property
    def items(self) -> int:
        """The number of items with at least 100 tokens."""
        return sum(self.steps.values())

    @property
    def median(self) -> float | None:
        """The median absolute error, as a fraction; None if there are no items."""
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
        """The signed error of the sum, as a fraction; None if there are no items."""
        return self.estimated / self.true - 1 if self.true else None


def error_text(family: Family, measured: Mapping[str, Accuracy] | None = None) -> str:
    """Return the median error of the estimates for a family as words: measured on this user's transcripts if
    possible, otherwise as calibrated.
    """
    own = (measured or {}).get(family)
    if own is not None and own.median is not None:
        return f"median error {own.median:.1%}, from {own.items:,} samples in your transcripts"
    return f"median error {MEDIAN_ERROR[family]:.1%}, from the calibration"


def add_up(parts: Iterable[Accuracy]) -> Accuracy:
    """Return the sum of all parts."""
    whole = Accuracy()
    for part in parts:
        whole.estimated += part.estimated
        whole.true += part.true
        for step, count in part.steps.items():
            whole.steps[step] = whole.steps.get(step, 0) + count
    return whole
