"""Times that stay true while the page is open: ago, still to go, so far."""

import time
from collections.abc import Callable

from nicegui.elements.mixins.text_element import TextElement

from dashboard import formats
from dashboard.components.text import text
from dashboard.feed import Feed

Words = Callable[[float], str]
"""Seconds since the epoch in, what to show at that moment out."""


class Clock:
    """One per page: changes the words of its times every second, and only where they differ."""

    def __init__(self, feed: Feed) -> None:
        self._times: list[tuple[TextElement, Words]] = []
        feed.ticked.subscribe(self.tick)

    def show(self, words: Words, classes: str = "") -> TextElement:
        """Show words that depend on the time."""
        element = text(words(time.time()), classes)
        self._times.append((element, words))
        return element

    def ago(self, at: float, classes: str = "") -> TextElement:
        """Show how long ago something was; the exact time appears on hover."""
        element = text(formats.ago(at, time.time()), classes, tag="time", title=formats.exact(at))
        element.props["datetime"] = formats.iso(at)
        self._times.append((element, lambda now: formats.ago(at, now)))
        return element

    def tick(self, now: float) -> None:
        """Bring every time that is still on the page up to ``now``."""
        self._times = [(element, words) for element, words in self._times if not element.is_deleted]
        for element, words in self._times:
            element.set_text(words(now))
