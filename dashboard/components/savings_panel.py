"""Tokens saved: today, the last seven days, in all; net, with their sign; and by day as a chart."""

from typing import Any

from nicegui import ui

from dashboard.components.basics import card, figure
from dashboard.format import money, signed
from server.hub import Hub
from server.snapshot import Snapshot
from server.store.records import DayTotal, Totals

DAYS = 14
# Readable on both themes' cards (contrast of at least 3:1, as for graphics).
GAIN, LOSS, AXIS = "#1a9c83", "#d9534f", "#8a8f98"


class SavingsPanel:
    """The figures follow the snapshot; the chart is read again when an offload has ended."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._seen: Totals | None = None
        with card("Tokens saved, net"):
            with ui.element("div").classes("ts-figures"):
                self._today = figure("today")
                self._week = figure("7 days")
                self._all = figure("in all")
            self._money = ui.label().classes("ts-quiet ts-num")
            self._chart = ui.echart(_options(())).classes("ts-chart")
            self._chart.props('role=img aria-label="Net tokens saved by day"')

    def show(self, snapshot: Snapshot) -> None:
        """Bring the figures to this snapshot."""
        _set(self._today, snapshot.saved_today.net_tokens)
        _set(self._all, snapshot.saved_all.net_tokens)
        self._money.set_text(f"{money(snapshot.saved_all.net_microusd)} in all, estimated")

    async def refresh(self, snapshot: Snapshot) -> None:
        """Read the days again if the sums have changed."""
        if snapshot.saved_all == self._seen:
            return
        self._seen = snapshot.saved_all
        days = await self._hub.history.by_day(DAYS)
        _set(self._week, sum(day.totals.net_tokens for day in days[-7:]))
        self._chart.options.clear()
        self._chart.options.update(_options(days))
        self._chart.update()


def _set(label: ui.label, net: int) -> None:
    label.set_text(signed(net))
    label.classes(remove="ts-gain ts-loss", add="ts-loss" if net < 0 else "ts-gain")


def _options(days: tuple[DayTotal, ...]) -> dict[str, Any]:
    bars = [
        {
            "value": day.totals.net_tokens,
            "itemStyle": {"color": LOSS if day.totals.net_tokens < 0 else GAIN},
        }
        for day in days
    ]
    return {
        "grid": {"left": 4, "right": 4, "top": 8, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "category",
            "data": [day.day[5:] for day in days],
            "axisLabel": {"color": AXIS},
            "axisTick": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "axisLabel": {"color": AXIS},
            "splitLine": {"lineStyle": {"color": AXIS, "opacity": 0.2}},
        },
        "series": [{"name": "net tokens", "type": "bar", "data": bars, "barMaxWidth": 22}],
        "animation": False,
    }
