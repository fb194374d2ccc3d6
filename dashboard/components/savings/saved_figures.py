"""Net tokens saved over seven days, thirty days and all time, and a chart by day."""

from collections.abc import Sequence

from dashboard import formats
from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, set_classes, set_title, text
from dashboard.components.controls.net_tokens import tone
from dashboard.components.savings.day_chart import DayChart
from server.store.records import DayTotal, Totals

CHART_DAYS = 30
WEEK = 7


class SavedFigures:
    """Three savings totals and a chart by day."""

    def __init__(self) -> None:
        with box("ts-figures"):
            self._week = Figure("7 days")
            self._month = Figure(f"{CHART_DAYS} days")
            self._all = Figure("Total")
        self._chart = DayChart()
        with box() as self._nothing:
            empty(
                "No savings yet. Once Claude sends work, a chart here shows what each day saved; your own "
                "tasks count as 0."
            )

    def update(self, days: Sequence[DayTotal], everything: Totals) -> None:
        """Show these totals. ``days`` ends with today."""
        sums = ([day.totals for day in days[-WEEK:]], [day.totals for day in days], [everything])
        money = formats.alike([sum(each.net_microusd for each in parts) for parts in sums], signs=True)
        for figure, parts, amount in zip((self._week, self._month, self._all), sums, money, strict=True):
            figure.update(parts, amount)
        from_claude = any(day.totals.offloads > day.totals.by_user for day in days)
        self._nothing.set_visibility(not from_claude)
        self._chart.set_visibility(from_claude)
        if from_claude:
            self._chart.update(days)


class Figure:
    """A signed net total, with the money and the number of offloads below it."""

    def __init__(self, name: str) -> None:
        with box("ts-figure"):
            text(name, "ts-figure-name")
            self._tokens = text("", "ts-figure-value")
            self._money = text("", "ts-sub ts-num")
            self._offloads = text("", "ts-sub ts-num")

    def update(self, sums: Sequence[Totals], money: str) -> None:
        """Show the sum of these totals, and its worth as text."""
        tokens = sum(each.net_tokens for each in sums)
        self._tokens.set_text(formats.signed(tokens))
        set_classes(self._tokens, f"ts-figure-value {tone(tokens)}")
        set_title(self._tokens, f"{formats.signed_exact(tokens)} tokens: saved minus cost")
        self._money.set_text(money)
        set_title(
            self._money,
            "At list prices: tokens that Claude did not have to read or write, minus the tokens that the "
            "calls cost",
        )
        self._offloads.set_text(formats.count(sum(each.offloads for each in sums), "offload"))
