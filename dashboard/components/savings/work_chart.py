"""A bar chart of the local model's work: tokens read and written by day, in the user's own calls as well."""

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from dashboard import formats
from dashboard.components.controls.elements import box, text
from dashboard.components.savings.chart_frame import LINE, chart_frame
from dashboard.components.savings.value_table import ValueRow, value_table
from dashboard.history_address import of_days
from dashboard.savings_chart import day_label
from server.store.records import DayTotal

READ, WRITTEN = "Read", "Written"
FILLS = {READ: "#129684", WRITTEN: "#5466d6"}
"""Light-mode values of ``--model-0`` and ``--model-1``, which the stylesheet overrides."""


def work_chart(days: Sequence[DayTotal]) -> None:
    """Show the work of these days, which end with today, from the first day with work on."""
    shown = _from_first_work(days)
    figures = {
        READ: [day.totals.prompt_tokens for day in shown],
        WRITTEN: [day.totals.completion_tokens for day in shown],
    }
    options = chart_frame(
        [day_label(day.day, days[-1].day) for day in shown],
        top=12,
        pointer={"type": "line", "lineStyle": {"color": LINE}},
        tip="points => points[0].data.words",
        splits=3,
    )
    tips = [_tip(day) for day in shown]
    options["series"] = [_bars(name, values, tips) for name, values in figures.items()]
    chart = ui.echart(options, renderer="svg").classes("ts-chart")
    chart.props["role"] = "img"
    urls = [of_days(day.day, day.day).url for day in shown]
    chart.on_point_click(lambda event: ui.navigate.to(urls[event.data_index]))
    sums = {name: sum(values) for name, values in figures.items()}
    chart.props["aria-label"] = (
        f"The local model's work over {formats.count(len(shown), 'day')}: "
        f"{sums[READ]:,} tokens read, {sums[WRITTEN]:,} written."
    )
    with box("ts-legend", "ul"):
        for number, (name, total) in enumerate(sums.items()):
            with box("", "li"):
                box(f"ts-swatch ts-model-{number}", "span")
                text(name, "ts-legend-name")
                text(formats.short(total), "ts-num ts-sub")
    rows = [
        ValueRow(
            formats.day_name(day.day),
            (
                formats.number(day.totals.offloads),
                formats.number(day.totals.by_user),
                formats.number(day.totals.prompt_tokens),
                formats.number(day.totals.completion_tokens),
            ),
            url,
        )
        for day, url in zip(shown, urls, strict=True)
        if day.totals.offloads
    ]
    value_table(("Day", "Calls", "Your own", READ, WRITTEN), rows[::-1])


def has_work(days: Sequence[DayTotal]) -> bool:
    """Return whether the local model read or wrote anything on these days."""
    return any(day.totals.prompt_tokens or day.totals.completion_tokens for day in days)


def _from_first_work(days: Sequence[DayTotal]) -> Sequence[DayTotal]:
    first = next((number for number, day in enumerate(days) if day.totals.offloads), 0)
    return days[first:]


def _bars(name: str, values: Sequence[int], tips: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "type": "bar",
        "stack": "all",
        "barMaxWidth": 22,
        "data": [{"value": value or None, "words": words} for value, words in zip(values, tips, strict=True)],
        "itemStyle": {"color": FILLS[name]},
        "emphasis": {"disabled": True},
    }


def _tip(day: DayTotal) -> str:
    totals = day.totals
    own = f", {totals.by_user} of your own" if totals.by_user else ""
    return (
        f"{formats.day_name(day.day)}<br><b>{formats.count(totals.offloads, 'offload')}{own}</b><br>"
        f"{totals.prompt_tokens:,} tokens read<br>{totals.completion_tokens:,} tokens written"
    )
