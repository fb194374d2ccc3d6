"""A bar chart of the local model's work: tokens read and written by day, in the user's own calls as well."""

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from dashboard import formats
from dashboard.components.controls.elements import box, text
from dashboard.components.savings.chart_frame import LINE, chart_frame
from server.store.records import DayTotal

READ, WRITTEN = "Read", "Written"
FILLS = {READ: "#129684", WRITTEN: "#5466d6"}
"""Light-mode values of ``--model-0`` and ``--model-1``, which the stylesheet overrides."""
LEAST_DAYS = 7


def work_chart(days: Sequence[DayTotal]) -> None:
    """Show the work of these days, from the first day with work on."""
    shown = _from_first_work(days)
    figures = {
        READ: [day.totals.prompt_tokens for day in shown],
        WRITTEN: [day.totals.completion_tokens for day in shown],
    }
    options = chart_frame(
        [formats.day_short(day.day) for day in shown],
        top=12,
        pointer={"type": "line", "lineStyle": {"color": LINE}},
        tip="points => points[0].data.words",
        splits=3,
    )
    tips = [_tip(day) for day in shown]
    options["series"] = [_bars(name, values, tips) for name, values in figures.items()]
    chart = ui.echart(options, renderer="svg").classes("ts-chart")
    chart.props["role"] = "img"
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


def has_work(days: Sequence[DayTotal]) -> bool:
    """Return whether the local model read or wrote anything on these days."""
    return any(day.totals.prompt_tokens or day.totals.completion_tokens for day in days)


def _from_first_work(days: Sequence[DayTotal]) -> Sequence[DayTotal]:
    first = next((number for number, day in enumerate(days) if day.totals.offloads), 0)
    return days[max(0, min(first, len(days) - LEAST_DAYS)) :]


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
