"""The speed of a running offload, as a small line chart over time."""

from nicegui.element import Element

from dashboard.components.live.browser_calls import call_in_browser

MOST_POINTS = 60
"""The last minute, at one point per second."""


class RateLine(Element, component="rate_line.js"):
    """A line that grows to the right. Screen readers skip it, because the number beside it gives the latest
    value.
    """

    def __init__(self) -> None:
        super().__init__()
        self.classes("ts-rate")
        self.props.update({"rates": [], "most": MOST_POINTS, "aria-hidden": "true"})

    def add(self, rate: float) -> None:
        """Add the current rate (tokens per second)."""
        with self.props.suspend_updates():  # the props serve new pages; an open page receives a call
            self.props["rates"] = [*self.props["rates"][1 - MOST_POINTS :], round(rate, 1)]
        call_in_browser(self, "add", round(rate, 1))
