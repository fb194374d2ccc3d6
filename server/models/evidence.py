"""Evidence about models on this machine, from measurements and real offloads. Older evidence weighs less."""

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from server.models.categories import Category
from server.store.measurements import MeasurementRecord, Measurements, PracticeRecord

DAY = 86_400.0
HALF_LIFE = 30 * DAY
"""Age at which a finding counts half (seconds). Engines, drivers and the load on the machine change over
months.
"""
OLDEST = 6 * HALF_LIFE
"""Age above which a finding is ignored (seconds). It would count for less than a sixtieth."""
ENOUGH = 1.5
"""Minimum weight of findings for a verdict on quality: two fresh chores, or four month-old ones."""
ENOUGH_TO_RANK = 6.0
"""Minimum weight of findings needed to affect a model's rank."""
GOOD, BAD = 0.5, 1 / 3
"""A share of at least ``GOOD`` ranks a model above untested ones, a share of at most ``BAD`` below them. The
whole interval must lie on that side.
"""
DEVIATIONS = 1.96
"""Half the width of the interval, in standard deviations: 95 % confidence."""


@dataclass(frozen=True)
class Evidence:
    """The evidence about one model in one category.

    Attributes:
        quality: share of correct results, 0 to 1; None if there are too few results.
        weight: age-weighted number of results behind ``quality``.
        generate_rate: tokens per second, like ``prompt_rate``; 0 if unknown.
        load_seconds: 0 if unknown.
        speedup: throughput of parallel requests relative to a single request; 0 if unknown.
        latest: time of the newest finding, in seconds since the epoch.
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
        """0 for a model that has proved good on this machine, 2 for one that has proved bad, 1 otherwise."""
        if self.quality is None or self.weight < ENOUGH_TO_RANK:
            return 1
        low, high = self.interval
        if low >= GOOD:
            return 0
        return 2 if high <= BAD else 1

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of ``quality`` (Wilson score interval); 0 to 1 if there are no results."""
        if self.quality is None or not self.weight:
            return 0.0, 1.0
        square = DEVIATIONS**2 / self.weight
        middle = (self.quality + square / 2) / (1 + square)
        spread = self.quality * (1 - self.quality) / self.weight + square / (4 * self.weight)
        half = DEVIATIONS * math.sqrt(spread) / (1 + square)
        return max(0.0, middle - half), min(1.0, middle + half)

    @property
    def summary(self) -> str:
        """The evidence as a sentence fragment; empty if there is none."""
        parts = (
            []
            if self.quality is None
            else [f"{self.quality:.0%} of {self.weight:.0f} tasks here passed their checks"]
        )
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

    def add_results(self, right: float, results: float, weight: float) -> None:
        self.right += right * weight
        self.results += results * weight

    def add_figure(self, name: str, value: float | None, weight: float) -> None:
        if value:
            self.figures[name].append((value, weight))

    def evidence(self) -> Evidence:
        quality = self.right / self.results if self.results >= ENOUGH else None
        figures = {name: _mean(values) for name, values in self.figures.items()}
        return Evidence(quality, self.results, latest=self.latest, **figures)


async def gather_evidence(
    measurements: Measurements, category: Category, now: float | None = None
) -> Mapping[str, Evidence]:
    """Return the evidence about each model, keyed by name without ``:latest``. Untested models are missing.

    Raises:
        StoreError: the history cannot be read.
    """
    instant = time.time() if now is None else now
    measured = await measurements.since(instant - OLDEST)
    practice = await measurements.practice(instant - OLDEST)
    return combine(measured, practice, category, instant)


def combine(
    measured: Iterable[MeasurementRecord], practice: Iterable[PracticeRecord], category: Category, now: float
) -> Mapping[str, Evidence]:
    """Return the age-weighted evidence about each model. Speeds apply to all categories."""
    found: dict[str, _Findings] = defaultdict(_Findings)
    for record in measured:
        findings = found[_without_latest(record.model)]
        weight = _weight(record.measured_at, now)
        chores = [chore for chore in record.chores if chore.category == category]
        findings.add_results(sum(chore.passed for chore in chores), len(chores), weight)
        findings.latest = max(findings.latest, record.measured_at)
        for name in ("generate_rate", "prompt_rate", "load_seconds", "speedup"):
            findings.add_figure(name, getattr(record, name), weight)
    for each in practice:
        findings, weight = found[_without_latest(each.model)], _weight(each.latest, now)
        if category_of(each) == category:
            findings.add_results(each.accepted, each.judged, weight)
        findings.latest = max(findings.latest, each.latest)
        if each.seconds > 0:
            findings.add_figure("generate_rate", each.tokens / each.seconds, weight)
    return {model: findings.evidence() for model, findings in found.items()}


def category_of(practice: PracticeRecord) -> str:
    """Return the category of offloads: the one given in the call, or else the one that fits it best."""
    if practice.category:
        return practice.category
    if practice.tool == "compress_context":
        return "summarization"
    return "general" if practice.output_format in ("explanation", "raw") else "coding"


def _weight(instant: float, now: float) -> float:
    return float(0.5 ** (max(0.0, now - instant) / HALF_LIFE))


def _mean(values: list[tuple[float, float]]) -> float:
    return sum(value * weight for value, weight in values) / sum(weight for _, weight in values)


def _without_latest(model: str) -> str:
    return model.removesuffix(":latest")
