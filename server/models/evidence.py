"""What this machine knows of its models: measured, and seen in real offloads. It counts less as it ages."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from server.models.categories import Category
from server.store.measurements import MeasurementRecord, Measurements, PracticeRecord

DAY = 86_400.0
HALF_LIFE = 30 * DAY
"""Seconds after which a finding counts half: engines, drivers and what else runs change in months."""
OLDEST = 6 * HALF_LIFE
"""Beyond it a finding counts less than a sixtieth and is left out."""
ENOUGH = 1.5
"""Findings, after ageing, from which quality is told: two fresh chores, or four of a month ago."""
GOOD, BAD = 0.5, 1 / 3
"""Shares of right results from which a model goes before those that nobody tried, and below which behind."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one model for one category.

    ``quality`` is the share of results that were right, 0 to 1, None where too few are known; ``weight`` how
    many results it rests on, after ageing. Rates are tokens a second and ``load_seconds`` seconds, each 0
    where unknown. ``latest`` is the newest finding, seconds since the epoch.
    """

    quality: float | None = None
    weight: float = 0.0
    generate_rate: float = 0.0
    prompt_rate: float = 0.0
    load_seconds: float = 0.0
    speedup: float = 0.0
    latest: float = 0.0

    @property
    def tier(self) -> int:
        """Return 0 for a model that proved good here, 2 for one that proved bad, else 1."""
        if self.quality is None or BAD <= self.quality < GOOD:
            return 1
        return 0 if self.quality >= GOOD else 2

    @property
    def words(self) -> str:
        """The findings as parts of a sentence, empty where there are none."""
        parts = [] if self.quality is None else [f"right in {self.quality:.0%} here"]
        if self.generate_rate:
            parts.append(f"{self.generate_rate:.0f} tokens/s here")
        return ", ".join(parts)


NOTHING = Evidence()


@dataclass
class _Findings:
    right: float = 0.0
    results: float = 0.0
    latest: float = 0.0
    figures: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def judge(self, right: float, results: float, weight: float) -> None:
        self.right += right * weight
        self.results += results * weight

    def note(self, name: str, value: float | None, weight: float) -> None:
        if value:
            self.figures[name].append((value, weight))

    def evidence(self) -> Evidence:
        quality = self.right / self.results if self.results >= ENOUGH else None
        figures = {name: _mean(values) for name, values in self.figures.items()}
        return Evidence(quality, self.results, latest=self.latest, **figures)


async def gather_evidence(
    measurements: Measurements, category: Category, now: float | None = None
) -> Mapping[str, Evidence]:
    """Return what is known of each model, by its name without ``:latest``. This is what a recommendation
    needs; a model that is missing was never tried.

    Raises:
        StoreError: it cannot be read.
    """
    instant = time.time() if now is None else now
    measured = await measurements.since(instant - OLDEST)
    practice = await measurements.practice(instant - OLDEST)
    return weigh(measured, practice, category, instant)


def weigh(
    measured: Iterable[MeasurementRecord], practice: Iterable[PracticeRecord], category: Category, now: float
) -> Mapping[str, Evidence]:
    """Return the evidence of each model. Every finding counts by its age; speed holds for all categories."""
    found: dict[str, _Findings] = defaultdict(_Findings)
    for record in measured:
        of = found[_plain(record.model)]
        weight = _weight(record.measured_at, now)
        own = [chore for chore in record.chores if chore.category == category]
        of.judge(sum(chore.passed for chore in own), len(own), weight)
        of.latest = max(of.latest, record.measured_at)
        for name in ("generate_rate", "prompt_rate", "load_seconds", "speedup"):
            of.note(name, getattr(record, name), weight)
    for seen in practice:
        of, weight = found[_plain(seen.model)], _weight(seen.latest, now)
        if category_of(seen) == category:
            of.judge(seen.accepted, seen.judged, weight)
        of.latest = max(of.latest, seen.latest)
        if seen.seconds > 0:
            of.note("generate_rate", seen.tokens / seen.seconds, weight)
    return {model: findings.evidence() for model, findings in found.items()}


def category_of(seen: PracticeRecord) -> str:
    """Return the category of offloads: the one that the call named, else the one that it amounts to."""
    if seen.category:
        return seen.category
    if seen.tool == "compress_context":
        return "summarization"
    return "general" if seen.output_format in ("explanation", "raw") else "coding"


def _weight(instant: float, now: float) -> float:
    return float(0.5 ** (max(0.0, now - instant) / HALF_LIFE))


def _mean(values: list[tuple[float, float]]) -> float:
    return sum(value * weight for value, weight in values) / sum(weight for _, weight in values)


def _plain(model: str) -> str:
    return model.removesuffix(":latest")
