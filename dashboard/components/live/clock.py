"""Time-dependent labels that stay correct while a page is open: elapsed, remaining, "3 min ago"."""

import time
from collections.abc import Callable

from dashboard import formats
from dashboard.components.live.live_text import LiveText
from dashboard.components.live.page_visibility import PageVisibility
from dashboard.hub_updates import HubUpdates

Words = Callable[[float], str]
"""Takes seconds since the epoch and returns the text for that moment."""


class Clock:
    """A page's clock. Every second, it updates the labels that have changed.

    A hidden page is updated as soon as it becomes visible.
    """

    def __init__(self, updates: HubUpdates, visibility: PageVisibility) -> None:
        self._times: list[TimeText] = []
        self._visibility = visibility
        updates.second_passed.subscribe(self.tick)
        visibility.became_visible.subscribe(lambda: self.tick(time.time()))

    def show(self, words: Words, classes: str = "") -> "TimeText":
        """Show a label that depends on the current time."""
        moment = TimeText(words)
        moment.classes(classes)
        self._times.append(moment)
        return moment

    def ago(self, at: float, classes: str = "") -> "TimeText":
        """Show how long ago ``at`` was, with the exact time on hover."""
        moment = TimeText(lambda now: formats.ago(at, now), tag="time")
        moment.classes(classes)
        moment.props.update({"title": formats.exact(at), "datetime": formats.iso(at)})
        self._times.append(moment)
        return moment

    def tick(self, now: float) -> None:
        """Update every time-dependent text still on the page."""
        self._times = [moment for moment in self._times if not moment.is_deleted]
        if not self._visibility.page_visible:
            return
        for moment in self._times:
            moment.refresh(now)


class TimeText(LiveText):
    """A label that depends on the current time."""

    def __init__(self, words: Words, tag: str = "span") -> None:
        super().__init__(words(time.time()), tag)
        self._words = words

    def refresh(self, now: float) -> None:
        """Show the text for ``now``."""
        self.set_text(self._words(now))
