"""Tests of the token estimate against the API's counts, and of the command that fits it."""

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from server.ledger.tokens import MEDIAN_ERROR, coefficients
from tests.ledger import refit
from tests.ledger.refit import (
    Item,
    Quality,
    estimate,
    estimate_unseen,
    fit,
    in_sessions,
    judge,
    read_rows,
    read_table,
)

DATA = Path(__file__).parents[1] / "data"
TABLE = DATA / "calibration.csv.gz"
MISLABELLED = DATA / "calibration-mislabelled.csv"
MEDIAN = {"A": 0.03, "B": 0.05}


@dataclass(frozen=True)
class Calibration:
    """The table, the rows with a wrong family, and the estimates of unseen items by row."""

    items: list[Item]
    wrong: frozenset[int]
    unseen: dict[int, float]

    def of(self, family: str, *, wrong_too: bool = False) -> list[Item]:
        mine = (item for item in self.items if item.family == family)
        return [item for item in mine if wrong_too or item.row not in self.wrong]


@pytest.fixture(scope="module")
def table() -> Calibration:
    items = read_table(TABLE)
    unseen = {family: estimate_unseen(items, family) for family in MEDIAN}
    return Calibration(items, read_rows(MISLABELLED), unseen["A"] | unseen["B"])


def shipped(items: list[Item], family: str) -> Quality:
    return judge(in_sessions(items), estimate(items, coefficients()[family]))


def assert_within_the_bars(family: str, quality: Quality) -> None:
    assert quality.median <= MEDIAN[family], quality
    assert abs(quality.aggregate) <= 0.02, quality
    assert quality.session <= 0.06, quality


@pytest.mark.parametrize("family", ["A", "B"])
def test_a_fit_holds_on_unseen_repositories(table: Calibration, family: str) -> None:
    """The fit uses the unchanged table and holds for any order of the sums of 50."""
    items = table.of(family)
    assert_within_the_bars(family, judge(in_sessions(items), table.unseen))
    as_listed = sorted(items, key=lambda item: (item.repo, item.row))
    assert_within_the_bars(family, judge(as_listed, table.unseen))


@pytest.mark.parametrize("family", ["A", "B"])
def test_the_shipped_coefficients_hold(table: Calibration, family: str) -> None:
    assert_within_the_bars(family, shipped(table.of(family), family))


def test_family_b_needs_no_row_left_out(table: Calibration) -> None:
    assert table.of("B") == table.of("B", wrong_too=True)


def test_twins_identify_the_wrong_rows(table: Calibration) -> None:
    """Compares only items with identical features, without a fit."""
    calls = ratios_of_twins(table, "out_tool")
    assert max(abs(ratio - 1) for ratio in calls["A", "A"]) < 0.02
    assert 0.75 <= min(calls["A", "4.7"]) <= max(calls["A", "4.7"]) <= 0.83
    assert 1.2 < min(calls["wrong", "A"]) <= max(calls["wrong", "A"]) < 1.34
    assert max(abs(ratio - 1) for ratio in calls["wrong", "4.7"]) < 0.05
    assert len(calls["wrong", "4.7"]) == 547
    results = ratios_of_twins(table, "result")
    assert 1.1 < min(results["wrong", "A"]) <= max(results["wrong", "A"]) < 1.46
    assert 0.1 < len(table.wrong) / len(table.of("A", wrong_too=True)) < 0.12


def test_each_range_of_wrong_calls_has_twins_of_claude_4_7(table: Calibration) -> None:
    known = {frozenset(item.features) for item in table.items if version(table, item) == "4.7"}
    for first, last in stretches(table):
        items = table.items[first : last + 1]
        if items[0].kind != "result":
            assert any(frozenset((*item.features, *_surcharge(item))) in known for item in items)


def ratios_of_twins(table: Calibration, kind: str) -> dict[tuple[str, str], list[float]]:
    """Return the ratio of the true tokens of twins, by the versions of both."""
    twins: dict[object, list[tuple[str, Item]]] = defaultdict(list)
    for item in table.items:
        if item.kind == kind:
            features = tuple(pair for pair in item.features if pair[0] != "c_use47")
            twins[features].append((version(table, item), item))
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    for same in twins.values():
        for name, item in same:
            for other_name, other in same:
                # Repeats within one repository are not independent: most are consecutive calls.
                if (name, other_name) != ("A", "A") or item.repo < other.repo:
                    ratios[name, other_name].append(item.tokens / other.tokens)
    return ratios


def stretches(table: Calibration) -> list[tuple[int, int]]:
    firsts = sorted(row for row in table.wrong if row - 1 not in table.wrong)
    lasts = sorted(row for row in table.wrong if row + 1 not in table.wrong)
    return list(zip(firsts, lasts, strict=True))


def version(table: Calibration, item: Item) -> str:
    if item.row in table.wrong:
        return "wrong"
    return "4.7" if "c_use47" in dict(item.features) else item.family


def test_the_estimate_confirms_claude_4_7_for_the_wrong_rows(table: Calibration) -> None:
    rows = [table.items[row] for row in sorted(table.wrong)]
    as_4_7 = [replace(item, features=(*item.features, *_surcharge(item))) for item in rows]
    assert {(item.repo, item.family) for item in rows} == {("31bb9e", "A")}
    assert shipped(rows, "A").median > 0.2
    assert shipped(as_4_7, "B").median < 0.03


def _surcharge(item: Item) -> list[tuple[str, int]]:
    return [("c_use47", count) for name, count in item.features if name == "c_use"]


def test_the_documented_figures_match_the_measurement(table: Calibration) -> None:
    others = [item for item in table.items if "c_use47" not in dict(item.features)]
    everything = table.of("A", wrong_too=True)
    without = in_sessions(item for item in others if item.family == "B")
    measured = {
        "A, not seen": judge(in_sessions(table.of("A")), table.unseen),
        "B, not seen": judge(in_sessions(table.of("B")), table.unseen),
        "A, shipped": shipped(table.of("A"), "A"),
        "B, shipped": shipped(table.of("B"), "B"),
        "A, not seen, wrong rows judged too": judge(in_sessions(everything), table.unseen),
        "A, shipped, wrong rows judged too": shipped(everything, "A"),
        "B, not seen, without calls of Claude 4.7": judge(without, estimate_unseen(others, "B")),
    }
    page = (DATA / "calibration.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| ([AB], .*) \|$", page, re.MULTILINE)
    assert documented == [
        f"{name} | {each.items:,} | {each.median:.1%} | {each.aggregate:+.1%} | {each.session:.1%}"
        for name, each in measured.items()
    ]
    assert {
        family: pytest.approx(measured[f"{family}, not seen"].median, abs=0.0005) for family in MEDIAN
    } == MEDIAN_ERROR


def test_a_fit_recovers_the_coefficients_of_a_table() -> None:
    made = [
        Item(n, "B", "r", "result", (("words", n), ("nl", n % 7), ("c_res", 1)), 3 * n + 2 * (n % 7) + 11)
        for n in range(1, 200)
    ]
    found = fit(made)
    assert found["words"] == pytest.approx(3, abs=0.01)
    assert found["nl"] == pytest.approx(2, abs=0.05)
    assert found["c_res"] == pytest.approx(11, abs=0.3)
    assert found["han"] == 1.3


def test_the_command_prints_the_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    lines = ["family,kind,repo,tool,chars,words,c_use,true_tokens"]
    lines += [f"A,result,r{n % 3},Read,{n},{n},0,{2 * n}" for n in range(60, 400)]
    table.write_text("\n".join(lines))
    rows = tmp_path / "rows.csv"
    rows.write_text("first_row,last_row\n0,39\n")
    assert refit.main([str(table), "--mislabelled", str(rows)]) == 0
    printed = capsys.readouterr().out
    assert "A: 300 items" in printed
    assert '"words": 2.0' in printed
