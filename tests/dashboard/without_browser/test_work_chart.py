"""Tests of the chart of the local model's work, as data."""

import pytest

from dashboard.components.savings.work_chart import _from_first_work, _tip, has_work
from server.store.records import DayTotal, Totals

pytestmark = pytest.mark.fast

IDLE = [DayTotal(f"2026-11-{day:02}", Totals()) for day in range(1, 21)]
WORK = DayTotal("2026-11-21", Totals(offloads=3, by_user=2, prompt_tokens=4_000, completion_tokens=250))


def test_own_calls_count_as_work() -> None:
    assert not has_work(IDLE)
    assert has_work([*IDLE, WORK])
    assert "3 offloads, 2 of your own" in _tip(WORK)
    assert "4,000 tokens read<br>250 tokens written" in _tip(WORK)


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        pytest.param([*IDLE, WORK], 1, id="new-user"),
        pytest.param([WORK, *IDLE], 21, id="long-user"),
        pytest.param([*IDLE[:10], WORK, *IDLE[10:]], 11, id="gap"),
        pytest.param([WORK], 1, id="one-day"),
    ],
)
def test_the_chart_starts_with_the_first_work(days: list[DayTotal], shown: int) -> None:
    assert len(_from_first_work(days)) == shown
