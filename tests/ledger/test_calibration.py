"""The estimate against what the API truly counted, and the command that fits it anew."""

import statistics
from pathlib import Path

import pytest

from server.ledger import refit
from server.ledger.refit import (
    Item,
    estimate_unseen,
    estimates,
    fit,
    in_session_order,
    judge,
    read_table,
)
from server.ledger.tokens import coefficients

DATA = Path(__file__).parents[1] / "data"
TABLE = DATA / "calibration.csv.gz"
RELABELLED = DATA / "calibration-relabelled.csv"
MEDIAN = {"A": 0.03, "B": 0.05}


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return read_table(TABLE, RELABELLED)


@pytest.mark.parametrize("family", ["A", "B"])
def test_a_fit_holds_on_repositories_that_it_has_not_seen(items: list[Item], family: str) -> None:
    quality = judge([pair for repo in estimate_unseen(items, family) for pair in repo])
    assert quality.median <= MEDIAN[family], quality
    assert abs(quality.aggregate) <= 0.02, quality
    assert quality.session <= 0.06, quality


@pytest.mark.parametrize("family", ["A", "B"])
def test_the_shipped_coefficients_hold(items: list[Item], family: str) -> None:
    mine = [item for item in items if item.family == family]
    pairs = [
        pair
        for repo in sorted({item.repo for item in mine})
        for pair in estimates(in_session_order(i for i in mine if i.repo == repo), coefficients()[family])
    ]
    quality = judge(pairs)
    assert quality.median <= MEDIAN[family], quality
    assert abs(quality.aggregate) <= 0.02, quality
    assert quality.session <= 0.06, quality


def test_rows_are_relabelled_only_where_the_table_is_clearly_wrong(items: list[Item]) -> None:
    raw = read_table(TABLE)
    moved = [(old, new) for old, new in zip(raw, items, strict=True) if old.family != new.family]
    large = [(old, new) for old, new in moved if old.tokens >= 100]

    def error(pairs: list[tuple[float, int]]) -> float:
        return statistics.median(abs(estimate / true - 1) for estimate, true in pairs)

    assert {old.repo for old, _ in moved} == {"31bb9e"}
    assert len(moved) < 0.03 * len(raw)
    assert error(estimates([old for old, _ in large], coefficients()["A"])) > 0.2
    assert error(estimates([new for _, new in large], coefficients()["B"])) < 0.05


def test_a_fit_finds_the_coefficients_that_made_the_table() -> None:
    made = [
        Item("B", "r", "result", (("words", n), ("nl", n % 7), ("c_res", 1)), 3 * n + 2 * (n % 7) + 11)
        for n in range(1, 200)
    ]
    found = fit(made)
    assert found["words"] == pytest.approx(3, abs=0.01)
    assert found["nl"] == pytest.approx(2, abs=0.05)
    assert found["c_res"] == pytest.approx(11, abs=0.3)
    assert found["han"] == 1.3


def test_the_command_prints_what_it_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    lines = ["family,kind,repo,tool,chars,words,c_use,true_tokens"]
    lines += [f"A,result,r{n % 3},Read,{n},{n},0,{2 * n}" for n in range(60, 400)]
    table.write_text("\n".join(lines))
    assert refit.main([str(table)]) == 0
    printed = capsys.readouterr().out
    assert "A: 340 items" in printed
    assert '"words": 2.0' in printed
