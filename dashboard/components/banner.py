"""What stands in the way and what to do about it, under the header of every page."""

from dashboard.components.button import button
from dashboard.components.text import box, icon, set_classes, text
from dashboard.state import Headline
from server.hub import Hub


class Banner:
    """Shown while something needs the user."""

    def __init__(self, hub: Hub) -> None:
        self._notice = hub.history.notice
        with box("hidden") as self._banner:
            self._banner.props["role"] = "alert"
            icon("info", "banner-icon")
            self._words = text("", "banner-words")
            self._resume = button("Resume", hub.resume, look="main")

    def update(self, headline: Headline) -> None:
        """Show the next step of the headline, or nothing."""
        words = headline.next_step or self._notice
        set_classes(self._banner, f"banner banner-{headline.state}" if words else "hidden")
        self._words.set_text(words)
        self._resume.set_visibility(headline.state == "paused")
