"""Evidence about models on this machine: it outranks published figures and loses weight as it ages."""

from dataclasses import replace

import pytest

from server.backends.base import InstalledModel
from server.gpu.hardware import Gpu, Machine
from server.models.catalogue import CatalogueModel, Quality
from server.models.categories import Category
from server.models.evidence import DAY, HALF_LIFE, Evidence, combine
from server.models.recommend import Recommendation, recommend
from server.models.selector import SelectorSettings
from server.store.measurements import ChoreRecord, MeasurementRecord, PracticeRecord

pytestmark = pytest.mark.fast

NOW = 1_800_000_000.0
GIB = 2**30
MACHINE = Machine(64 * GIB, 50 * GIB, 16, (Gpu("card", "nvidia", 24 * GIB, 23 * GIB),))


def _measured(
    model: str, right: int, wrong: int, age_days: float = 0.0, rate: float = 20.0
) -> MeasurementRecord:
    results = [*(True for _ in range(right)), *(False for _ in range(wrong))]
    chores = tuple(
        ChoreRecord(f"chore {number}", "coding", passed, 1.0) for number, passed in enumerate(results)
    )
    return MeasurementRecord(model, "ollama", NOW - age_days * DAY, 8192, 1, 3.0, 200.0, rate, 1.0, chores)


def _seen(accepted: int, judged: int, **changes: object) -> PracticeRecord:
    seen = PracticeRecord(
        "a:7b", "offload_work", "", "code", NOW, accepted, judged, 100 * judged, 5.0 * judged
    )
    return replace(seen, **changes)  # type: ignore[arg-type]


def _of(
    records: list[MeasurementRecord], practice: list[PracticeRecord], category: Category = "coding"
) -> Evidence:
    return combine(records, practice, category, NOW)["a:7b"]


def test_chores_and_real_offloads_add_up_to_one_quality() -> None:
    known = _of([_measured("a:7b", 3, 1)], [_seen(1, 4)])
    assert known.quality == pytest.approx(4 / 8)
    assert known.weight == pytest.approx(8)
    assert known.generate_rate == pytest.approx(20.0)
    assert known.load_seconds == pytest.approx(3.0)
    assert known.summary == "50% of 8 tasks here passed their checks, 20 tokens/s here"


def test_findings_lose_weight_with_age() -> None:
    half_life = HALF_LIFE / DAY
    both = _of([_measured("a:7b", 4, 0, half_life, 10.0), _measured("a:7b", 0, 4, 0, 40.0)], [])
    assert both.quality == pytest.approx(1 / 3)
    assert both.generate_rate == pytest.approx(30.0)
    assert _of([_measured("a:7b", 4, 0, half_life)], []).quality == 1.0
    assert _of([_measured("a:7b", 4, 0, 2 * half_life)], []).quality is None


def test_speed_applies_to_all_categories_and_quality_to_one() -> None:
    known = _of([_measured("a:7b", 4, 0)], [], "translation")
    assert known.quality is None
    assert known.generate_rate == pytest.approx(20.0)


def test_one_name_with_and_without_latest_is_one_model() -> None:
    assert combine([_measured("a:latest", 2, 0)], [], "coding", NOW)["a"].quality == 1.0


@pytest.mark.parametrize(
    ("changes", "category"),
    [
        ({}, "coding"),
        ({"category": "translation"}, "translation"),
        ({"tool": "compress_context", "output_format": ""}, "summarization"),
        ({"output_format": "explanation"}, "general"),
    ],
    ids=["default", "named-category", "digest", "explanation"],
)
def test_offload_counts_for_its_category(changes: dict[str, str], category: Category) -> None:
    assert _of([], [_seen(3, 3, **changes)], category).quality == 1.0


BETTER = CatalogueModel(
    name="famous:7b",
    size=5 * 10**9,
    license="mit",
    categories=("coding",),
    quality=Quality(benchmark="SWE-bench Verified", value=70.0, source="https://example.org", date="2026-10"),
)
PLAIN = CatalogueModel(name="plain:7b", size=4 * 10**9, license="mit", categories=("coding",))


def _ranked(evidence: dict[str, Evidence]) -> list[Recommendation]:
    have = [InstalledModel("famous:7b", 5 * 10**9), InstalledModel("plain:7b", 4 * 10**9)]
    found = recommend(MACHINE, have, (BETTER, PLAIN), SelectorSettings(), "coding", evidence=evidence)
    return list(found)


def _names(evidence: dict[str, Evidence]) -> list[str]:
    return [each.model.name for each in _ranked(evidence)]


def test_evidence_outranks_the_published_figure() -> None:
    assert _names({}) == ["famous:7b", "plain:7b"]
    good, bad = Evidence(quality=0.8, weight=60, latest=NOW), Evidence(quality=0.2, weight=60, latest=NOW)
    assert _names({"plain:7b": good}) == ["plain:7b", "famous:7b"]
    assert _names({"famous:7b": bad}) == ["plain:7b", "famous:7b"]
    assert _names({"famous:7b": replace(good, quality=0.9), "plain:7b": good}) == ["famous:7b", "plain:7b"]


@pytest.mark.parametrize(
    ("quality", "weight", "tier"),
    [
        (1.0, 3, 1),
        (1.0, 5, 1),
        (1.0, 6, 0),
        (0.0, 3, 1),
        (0.0, 9, 2),
        (0.6, 20, 1),
        (0.75, 40, 0),
        (None, 0, 1),
    ],
    ids=[
        *("three-right", "five-right", "six-right", "three-wrong", "nine-wrong"),
        *("undecided", "mostly-right", "untested"),
    ],
)
def test_a_model_is_ranked_only_if_the_interval_says_something(
    quality: float | None, weight: float, tier: int
) -> None:
    assert Evidence(quality=quality, weight=weight).tier == tier


def test_line_shows_evidence_instead_of_the_published_figure() -> None:
    line = _ranked({"famous:7b": Evidence(quality=0.75, generate_rate=14.2, weight=4, latest=NOW)})[0].line
    assert "75% of 4 tasks here passed their checks, 14 tokens/s here" in line
    assert "SWE-bench" not in line


def test_model_measured_as_slow_is_slow_whatever_its_size() -> None:
    crawling = _ranked({"famous:7b": Evidence(generate_rate=1.5, latest=NOW)})
    assert [each.model.name for each in crawling] == ["plain:7b", "famous:7b"]
    assert "slow here" in crawling[1].line
