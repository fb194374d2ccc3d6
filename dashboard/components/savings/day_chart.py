"""A bar chart of net tokens by day: gains up, losses down.

The chart is an SVG whose colours the stylesheet overrides, so switching between light and dark needs no
redraw.
"""

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from dashboard import formats
from dashboard.components.savings.chart_frame import GAIN, LOSS, chart_frame
from dashboard.history_address import of_days
from dashboard.savings_chart import day_label
from server.store.records import DayTotal


class DayChart:
    """The chart, with a description for screen readers."""

    def __init__(self) -> None:
        self._chart = ui.echart(_options([]), renderer="svg").classes("ts-chart")
        self._chart.props["role"] = "img"
        self._chart.on_point_click(
            lambda event: ui.navigate.to(of_days(*[self._days[event.data_index]] * 2).url)
        )
        self._days: list[str] = []
        self._shown: tuple[DayTotal, ...] | None = None

    def set_visibility(self, visible: bool) -> None:
        """Show or hide the chart."""
        self._chart.set_visibility(visible)

    def update(self, days: Sequence[DayTotal]) -> None:
        """Show these days from the first one with calls on; the last one is today. Drawing takes a browser
        40 ms, so unchanged days are not redrawn.
        """
        shown = tuple(days)
        if shown == self._shown:
            return
        self._shown = shown
        days = _from_first_call(days)
        self._days = [day.day for day in days]
        self._chart.props["options"] = _options(days)
        self._chart.props["aria-label"] = _in_words(days)
        self._chart.update()


def _from_first_call(days: Sequence[DayTotal]) -> Sequence[DayTotal]:
    first = next((number for number, day in enumerate(days) if day.totals.offloads), 0)
    return days[first:]


def _options(days: Sequence[DayTotal]) -> dict[str, Any]:
    frame = chart_frame(
        [day_label(day.day, days[-1].day) for day in days],
        top=12,
        pointer={"type": "none"},
        tip="points => points[0].data.words",
        splits=3,
    )
    bars = {"type": "bar", "barMaxWidth": 22, "barMinHeight": 2, "data": [_bar(day) for day in days]}
    return {**frame, "series": [bars]}


def _bar(day: DayTotal) -> dict[str, Any]:
    totals = day.totals
    words = (
        f"{formats.day_name(day.day)}<br><b>{formats.signed_exact(totals.net_tokens)} tokens</b><br>"
        f"{formats.signed_worth(totals.net_microusd)} · {formats.count(totals.offloads, 'offload')}"
    )
    gain = totals.net_tokens >= 0
    style = {"color": GAIN if gain else LOSS, "borderRadius": [3, 3, 0, 0] if gain else [0, 0, 3, 3]}
    value = totals.net_tokens if totals.offloads else None
    return {"value": value, "itemStyle": style, "emphasis": {"disabled": True}, "words": words}


def _in_words(days: Sequence[DayTotal]) -> str:
    busy = [day for day in days if day.totals.offloads]
    if not busy:
        return "Net tokens by day: no data yet."
    net = sum(day.totals.net_tokens for day in busy)
    best = max(busy, key=lambda day: day.totals.net_tokens)
    return (
        f"Net tokens by day, {len(days)} days: {formats.signed_exact(net)} in total, "
        f"best day {formats.day_name(best.day)} with {formats.signed_exact(best.totals.net_tokens)}."
    )
