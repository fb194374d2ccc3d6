"""The savings chart as data: periods, series, sums, and the address of a view."""

import pytest

from dashboard.colours import COLOURS, Palette, colours_of
from dashboard.savings_chart import (
    COST,
    MOST_SERIES,
    REST,
    SAVED,
    ChartView,
    chart_data,
    day_label,
    running_sums,
)
from server.store.series import SeriesPoint

pytestmark = pytest.mark.fast

DAYS = ("2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24")
"""From a Friday to a Tuesday: two weeks."""


def point(day: str, name: str, saved: int, cost: int) -> SeriesPoint:
    return SeriesPoint(day, name, 1, saved, cost, saved - cost, 10 * (saved - cost))


POINTS = (
    point("2026-11-21", "a", 900, 100),
    point("2026-11-21", "b", 0, 300),
    point("2026-11-23", "a", 500, 50),
)


def test_gain_and_loss_by_day_start_with_the_first_day_that_has_data() -> None:
    data = chart_data(POINTS, ChartView(), DAYS)
    assert data.labels == ("21 Nov", "22 Nov", "23 Nov", "24 Nov")
    assert [(each.name, each.values) for each in data.series] == [
        (SAVED, (900, 0, 500, 0)),
        (COST, (-400, 0, -50, 0)),
    ]
    assert data.net_tokens == (500, 0, 450, 0)
    assert data.offloads == (2, 0, 1, 0)
    assert data.days[0] == ("2026-11-21", "2026-11-21")
    assert (day_label(DAYS[-1], DAYS[-1]), day_label(DAYS[0], DAYS[-1])) == ("Today", "20 Nov")


def test_stacks_sum_up_to_the_net() -> None:
    data = chart_data(POINTS, ChartView(stack="model"), DAYS)
    assert [(each.name, each.values) for each in data.series] == [
        ("a", (800, 0, 450, 0)),
        ("b", (-300, 0, 0, 0)),
    ]
    assert tuple(map(sum, zip(*(each.values for each in data.series), strict=True))) == data.net_tokens


def test_weeks_begin_on_monday() -> None:
    data = chart_data(POINTS, ChartView(by="week"), DAYS)
    assert data.labels == ("16 Nov", "23 Nov")
    assert data.days == (("2026-11-16", "2026-11-22"), ("2026-11-23", "2026-11-29"))
    assert data.net_tokens == (500, 450)


def test_many_names_are_summed_up_in_one_series() -> None:
    points = [point("2026-11-21", f"m{number}", 100 - number, 0) for number in range(12)]
    data = chart_data(points, ChartView(stack="model"), DAYS)
    assert [each.name for each in data.series][-1] == REST
    assert len(data.series) == MOST_SERIES + 1
    assert sum(each.total for each in data.series) == sum(each.net_tokens for each in points)


def test_running_sums_end_with_the_total() -> None:
    assert running_sums((3, -1, 0, 5)) == (3, 2, 2, 7)


@pytest.mark.parametrize(
    "view",
    [ChartView(), ChartView("7d", "week", "tool", True), ChartView("", "session", "", False)],
    ids=["default", "everything", "sessions"],
)
def test_a_view_survives_its_address(view: ChartView) -> None:
    query = dict(part.split("=") for part in view.url.partition("?")[2].split("&") if part)
    assert ChartView.read(query) == view


def test_unknown_values_of_an_address_are_ignored() -> None:
    assert ChartView.read({"by": "year", "stack": "<b>", "sum": "x"}) == ChartView()


def test_a_name_keeps_its_colour_and_others_differ() -> None:
    names = ["qwen2.5-coder:7b", "gemma3:4b", "phi4:14b"]
    colours = colours_of(names)
    assert len(set(colours.values())) == len(names)
    assert colours_of(reversed(names)) == colours
    assert len(set(colours_of(f"m{number}" for number in range(COLOURS)).values())) == COLOURS


def test_a_name_keeps_its_colour_beside_other_names() -> None:
    palette = Palette()
    alone = palette.colours_of(["qwen2.5-coder:7b"])
    both = palette.colours_of(["qwen2.5-coder:1.5b", "qwen2.5-coder:7b"])
    assert both["qwen2.5-coder:7b"] == alone["qwen2.5-coder:7b"] != both["qwen2.5-coder:1.5b"]
