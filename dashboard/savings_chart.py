"""The savings chart as data: periods, series, sums. The page does the drawing, so this module does not depend
on the browser.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from dashboard import formats
from server.store.series import SeriesPoint

PERIODS = {"day": "Day", "week": "Week", "session": "Session"}
STACKS = {"": "Total", "tool": "Kind", "model": "Model", "project": "Project"}
SAVED, COST, NET = "Saved", "Cost", "Net"
MOST_SERIES = 5
"""Number of names that get a series of their own. All others share one."""
REST = "others"


@dataclass(frozen=True)
class ChartView:
    """What the chart shows, as given in the page's address. ``time`` is one of ``history_address.SPANS``."""

    time: str = ""
    by: str = "day"
    stack: str = ""
    cumulative: bool = False

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "ChartView":
        """Read the view from a query, ignoring unknown values."""
        by, stack = query.get("by", "day"), query.get("stack", "")
        return cls(
            time=query.get("time", ""),
            by=by if by in PERIODS else "day",
            stack=stack if stack in STACKS else "",
            cumulative=query.get("sum") == "1",
        )

    @property
    def url(self) -> str:
        """Return the address for this view."""
        fields = {
            "time": self.time,
            "by": self.by,
            "stack": self.stack,
            "sum": "1" if self.cumulative else "",
        }
        kept = {name: value for name, value in fields.items() if value and value != "day"}
        return f"/savings?{urlencode(kept)}" if kept else "/savings"

    def change(self, **changes: str | bool) -> "ChartView":
        """Return a copy of the view with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Series:
    """One name across all periods, in tokens. ``total`` is the sum."""

    name: str
    values: tuple[int, ...]

    @property
    def total(self) -> int:
        """The sum over the periods."""
        return sum(self.values)


@dataclass(frozen=True)
class ChartData:
    """The periods (``labels`` short, ``titles`` in full) and the series, largest first."""

    labels: tuple[str, ...]
    titles: tuple[str, ...]
    series: tuple[Series, ...]
    net_tokens: tuple[int, ...]
    net_microusd: tuple[int, ...]
    offloads: tuple[int, ...]
    days: tuple[tuple[str, str], ...] = ()
    """The first and last day of each period; empty if the periods are sessions."""


def chart_data(points: Sequence[SeriesPoint], view: ChartView, days: Sequence[str]) -> ChartData:
    """Return the chart for these points. ``days`` holds every day in the time span, in order, to today."""
    first = min((point.period for point in points), default="")
    periods = _periods(points, view, [day for day in days if day >= first] if view.by != "session" else days)
    keys = list(periods)
    at = {key: number for number, key in enumerate(keys)}
    names = [SAVED, COST] if not view.stack else _names(points)
    table = {name: [0] * len(keys) for name in names}
    net, money, offloads = [0] * len(keys), [0] * len(keys), [0] * len(keys)
    for point in points:
        number = at.get(_period(point.period, view.by))
        if number is None:
            continue
        net[number] += point.net_tokens
        money[number] += point.net_microusd
        offloads[number] += point.offloads
        if not view.stack:
            table[SAVED][number] += point.spared_tokens
            table[COST][number] -= point.spent_tokens
        else:
            table[point.name if point.name in table else REST][number] += point.net_tokens
    return ChartData(
        labels=tuple(label for label, _ in periods.values()),
        titles=tuple(title for _, title in periods.values()),
        series=tuple(Series(name, tuple(values)) for name, values in table.items()),
        net_tokens=tuple(net),
        net_microusd=tuple(money),
        offloads=tuple(offloads),
        days=() if view.by == "session" else tuple(_span(key, view.by) for key in keys),
    )


def day_label(day: str, today: str) -> str:
    """Return the label of a day on an axis."""
    return "Today" if day == today else formats.day_short(day)


def running_sums(values: Sequence[int]) -> tuple[int, ...]:
    """Return the cumulative sums of the values."""
    total = 0
    sums = []
    for value in values:
        total += value
        sums.append(total)
    return tuple(sums)


def _names(points: Sequence[SeriesPoint]) -> list[str]:
    totals: dict[str, int] = {}
    for point in points:
        totals[point.name] = totals.get(point.name, 0) + abs(point.net_tokens)
    ordered = sorted(totals, key=lambda name: -totals[name])
    return ordered if len(ordered) <= MOST_SERIES + 1 else [*ordered[:MOST_SERIES], REST]


def _periods(
    points: Sequence[SeriesPoint], view: ChartView, days: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Return the periods in order, each with its label and title."""
    if view.by == "session":
        began = {point.period: point.began for point in points}
        return {
            session: (formats.exact(start)[4:].rpartition(":")[0], f"Session of {formats.exact(start)}")
            for session, start in began.items()
        }
    if view.by == "week":
        weeks = dict.fromkeys(_period(day, "week") for day in days)
        return {week: (formats.day_short(week), f"Week from {formats.day_name(week)}") for week in weeks}
    today = datetime.date.today().isoformat()  # noqa: DTZ011 - days are those of the local time zone
    return {day: (day_label(day, today), formats.day_name(day)) for day in days}


def _period(period: str, by: str) -> str:
    if by != "week":
        return period
    date = datetime.date.fromisoformat(period)
    return (date - datetime.timedelta(days=date.weekday())).isoformat()


def _span(period: str, by: str) -> tuple[str, str]:
    if by != "week":
        return period, period
    return period, (datetime.date.fromisoformat(period) + datetime.timedelta(days=6)).isoformat()
