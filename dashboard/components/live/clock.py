"""Times that stay true while the page is open: ago, still to go, so far."""

import time
from collections.abc import Callable

from dashboard import formats
from dashboard.components.live.live_text import LiveText
from dashboard.components.live.page_visibility import PageVisibility
from dashboard.hub_updates import HubUpdates

Words = Callable[[float], str]
"""Seconds since the epoch in, what to show at that moment out."""


class Clock:
    """One per page: changes the words of its times every second, and only where they differ.

    A page that nobody sees gets them once it is seen again.
    """

    def __init__(self, updates: HubUpdates, visibility: PageVisibility) -> None:
        self._times: list[TimeText] = []
        self._visibility = visibility
        updates.second_passed.subscribe(self.tick)
        visibility.became_visible.subscribe(lambda: self.tick(time.time()))

    def show(self, words: Words, classes: str = "") -> "TimeText":
        """Show words that depend on the time."""
        moment = TimeText(words)
        moment.classes(classes)
        self._times.append(moment)
        return moment

    def ago(self, at: float, classes: str = "") -> "TimeText":
        """Show how long ago something was; the exact time appears on hover."""
        moment = TimeText(lambda now: formats.ago(at, now), tag="time")
        moment.classes(classes)
        moment.props.update({"title": formats.exact(at), "datetime": formats.iso(at)})
        self._times.append(moment)
        return moment

    def tick(self, now: float) -> None:
        """Bring every time that is still on the page up to ``now``."""
        self._times = [moment for moment in self._times if not moment.is_deleted]
        if not self._visibility.page_visible:
            return
        for moment in self._times:
            moment.say(now)


class TimeText(LiveText):
    """Words that depend on the time."""

    def __init__(self, words: Words, tag: str = "span") -> None:
        super().__init__(words(time.time()), tag)
        self._words = words

    def say(self, now: float) -> None:
        """Show the words for ``now``, where they are others."""
        self.put(self._words(now))
