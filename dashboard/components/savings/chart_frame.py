"""The frame of a savings chart: grid, tooltip and axes, in colours that the stylesheet overrides."""

from collections.abc import Sequence
from typing import Any

GAIN, LOSS, INK, LINE, GROUND = "#0a7a4b", "#b3261e", "#55606a", "#dfe3e6", "#fffffe"
"""The colours that the stylesheet overrides."""
_SHORT = "v => Math.abs(v) >= 1e6 ? v / 1e6 + 'M' : Math.abs(v) >= 1e3 ? v / 1e3 + 'k' : '' + v"
"""``formats.short`` for the browser, used by the axis."""


def chart_frame(
    labels: Sequence[str], *, top: int, pointer: dict[str, Any], tip: str, splits: int
) -> dict[str, Any]:
    """Return ECharts options without series.

    Args:
        labels: names of the periods, one per bar.
        top: space above the chart (pixels).
        pointer: options of the axis pointer.
        tip: JavaScript function that returns a tooltip for points.
        splits: approximate number of intervals on the value axis.
    """
    return {
        "animation": False,
        "grid": {"left": 4, "right": 24, "top": top, "bottom": 4, "containLabel": True},
        "tooltip": {
            "trigger": "axis",
            "axisPointer": pointer,
            "className": "ts-chart-tip",
            "confine": True,
            ":formatter": tip,
        },
        "xAxis": {
            "type": "category",
            "data": list(labels),
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": LINE}, "onZero": True},
            # The last period, which is today, always has its label.
            "axisLabel": {"color": INK, "hideOverlap": True, "margin": 14, "showMaxLabel": True},
        },
        "yAxis": {
            "type": "value",
            "axisLabel": {"color": INK, ":formatter": _SHORT},
            "splitLine": {"lineStyle": {"color": LINE}},
            "splitNumber": splits,
            "minInterval": 1,
        },
    }
