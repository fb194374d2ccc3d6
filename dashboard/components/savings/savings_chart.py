"""The savings chart: bars or running totals over days, weeks or sessions, with a selectable range.

The chart is an SVG in the stylesheet's colours. Names and totals appear below it, so no information depends
on colour alone.
"""

import html
import json
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from dashboard import formats
from dashboard.colours import colours_of
from dashboard.components.controls.elements import box, link, text
from dashboard.components.savings.chart_frame import GAIN, GROUND, INK, LINE, LOSS, chart_frame
from dashboard.components.savings.value_table import ValueRow, value_table
from dashboard.history_address import of_days
from dashboard.savings_chart import (
    COST,
    NET,
    PERIODS,
    REST,
    SAVED,
    STACKS,
    ChartData,
    ChartView,
    running_sums,
)

FILLS = ("#129684", "#5466d6", "#c77710", "#b5478a", "#2f86c9", "#7a8f1e")
"""Light-mode values of ``--model-0``, ``--model-1``, …. The stylesheet overrides them in dark mode."""
OTHER = "#98a4ad"
BRUSH_FROM = 15
"""Number of periods above which a range can be selected."""


def savings_chart(data: ChartData, view: ChartView) -> None:
    """Show the options, the chart, and the totals for its series."""
    _choices(view)
    fills = _fills(data, view)
    chart = ui.echart(_options(data, view, fills), renderer="svg").classes("ts-chart ts-chart-large")
    chart.props["role"] = "img"
    chart.props["aria-label"] = _in_words(data, view)
    urls = [of_days(*days).url for days in data.days]
    if urls:
        chart.on_point_click(lambda event: ui.navigate.to(urls[event.data_index]))
    _legend(data, view, fills)
    _table(data, view, urls)


def _choices(view: ChartView) -> None:
    with box("ts-chart-choices"):
        for words, field, options in (("By", "by", PERIODS), ("Stacked by", "stack", STACKS)):
            with box("ts-segments", "nav", words):
                for value, name in options.items():
                    entry = link(view.change(**{field: value}).url, "ts-segment", name)
                    if getattr(view, field) == value:
                        entry.props["aria-current"] = "true"
        with box("ts-segments", "nav", "Sums"):
            entry = link(view.change(cumulative=not view.cumulative).url, "ts-segment", "Running sum")
            if view.cumulative:
                entry.props["aria-current"] = "true"


def _fills(data: ChartData, view: ChartView) -> dict[str, str]:
    if not view.stack:
        return {SAVED: GAIN, COST: LOSS}
    colours = colours_of(each.name for each in data.series if each.name != REST)
    return {each.name: FILLS[colours[each.name]] if each.name in colours else OTHER for each in data.series}


def _legend(data: ChartData, view: ChartView, fills: dict[str, str]) -> None:
    with box("ts-legend", "ul"):
        for each in data.series:
            with box("", "li"):
                box(f"ts-swatch {_swatch(fills[each.name])}", "span")
                text(each.name or "none", "ts-legend-name")
                text(_figure(each.name, each.total), "ts-num ts-sub")
        if not view.stack:
            with box("", "li"):
                box("ts-swatch ts-swatch-net", "span")
                text(NET, "ts-legend-name")
                text(formats.signed(sum(data.net_tokens)), "ts-num ts-sub")


def _figure(name: str, tokens: int) -> str:
    """Return tokens as text. Savings and costs need no sign, because their names say it."""
    return formats.short(abs(tokens)) if name in (SAVED, COST) else formats.signed(tokens)


def _table(data: ChartData, view: ChartView, urls: Sequence[str]) -> None:
    """Show the periods that have calls, latest first."""
    money = formats.alike(data.net_microusd, signs=True)
    names = tuple(each.name or "none" for each in data.series)
    rows = []
    for number, title in enumerate(data.titles):
        if data.offloads[number]:
            parts = (_figure(each.name, each.values[number]) for each in data.series)
            net = formats.signed(data.net_tokens[number])
            figures = (formats.number(data.offloads[number]), *parts, net, money[number])
            rows.append(ValueRow(title, figures, urls[number] if urls else ""))
    value_table((PERIODS[view.by], "Calls", *names, NET, "Money"), rows[::-1])


def _swatch(fill: str) -> str:
    if fill in FILLS:
        return f"ts-model-{FILLS.index(fill)}"
    return {GAIN: "ts-swatch-gain", LOSS: "ts-swatch-loss"}.get(fill, "ts-part-other")


def _options(data: ChartData, view: ChartView, fills: dict[str, str]) -> dict[str, Any]:
    series = [_series(each.name, each.values, view, fills[each.name]) for each in data.series]
    if not view.stack:
        series.append(_net_line(running_sums(data.net_tokens) if view.cumulative else data.net_tokens))
    options = chart_frame(
        data.labels,
        top=16,
        pointer={"type": "line", "lineStyle": {"color": LINE}},
        tip=f"points => {json.dumps(_tips(data))}[points[0].dataIndex]",
        splits=4,
    )
    options["series"] = series
    if len(data.labels) >= BRUSH_FROM:
        options["grid"]["bottom"] = 52
        options["dataZoom"] = [
            {
                "type": "slider",
                "height": 22,
                "bottom": 10,
                "showDataShadow": False,
                "brushSelect": False,
                "borderColor": LINE,
                "fillerColor": "rgba(84, 102, 214, 0.14)",
                "textStyle": {"color": INK},
            }
        ]
    return options


def _series(name: str, values: Sequence[int], view: ChartView, fill: str) -> dict[str, Any]:
    if view.cumulative:
        shown = running_sums(values)
        return {
            "name": name or "none",
            "type": "line",
            "symbol": "none",
            "data": list(shown),
            "lineStyle": {"color": fill, "width": 2},
            "itemStyle": {"color": fill},
            "emphasis": {"disabled": True},
        }
    return {
        "name": name or "none",
        "type": "bar",
        "stack": "all",
        "barMaxWidth": 30,
        "data": [value or None for value in values],
        "itemStyle": {"color": fill},
        "emphasis": {"disabled": True},
    }


def _net_line(values: Sequence[int]) -> dict[str, Any]:
    return {
        "name": NET,
        "type": "line",
        "symbol": "diamond",
        "symbolSize": 11,
        "showAllSymbol": True,
        "data": list(values),
        "lineStyle": {"color": INK, "width": 1.5},
        "itemStyle": {"color": INK, "borderColor": GROUND, "borderWidth": 1.5},
        "emphasis": {"disabled": True},
    }


def _tips(data: ChartData) -> list[str]:
    """Return the tooltip for each period as HTML. Names come from calls, so they are escaped."""
    tips = []
    for number, title in enumerate(data.titles):
        lines = [
            f"{html.escape(each.name or 'none')}: {_figure(each.name, each.values[number])}"
            for each in data.series
            if each.values[number]
        ]
        net = f"<b>{formats.signed_exact(data.net_tokens[number])} tokens net</b>"
        worth = formats.signed_worth(data.net_microusd[number])
        count = formats.count(data.offloads[number], "offload")
        tips.append("<br>".join((html.escape(title), net, f"{worth} · {count}", *lines)))
    return tips


def _in_words(data: ChartData, view: ChartView) -> str:
    parts = ", ".join(f"{each.name or 'none'} {formats.signed_exact(each.total)}" for each in data.series)
    net = formats.signed_exact(sum(data.net_tokens))
    each = formats.count(len(data.labels), PERIODS[view.by].lower())
    return f"Tokens over {each}: {net} net. {parts}."
