"""The app's state in one word, at the top of every page."""

from dashboard.app_status import Headline
from dashboard.components.controls.elements import box, set_classes, text
from dashboard.components.live.live_text import LiveText


class StateChip:
    """A dot, the word for the state, and one line of detail. Screen readers announce changes.

    While the browser has no connection to the hub, the stylesheet shows "Not connected" instead.
    """

    def __init__(self) -> None:
        with box("ts-chip") as self._chip:
            self._chip.props["role"] = "status"
            box("ts-dot")
            self._word = text("", "ts-chip-word")
            self._detail = LiveText().classes("ts-chip-detail")
            text("Not connected", "ts-chip-lost")

    def update(self, headline: Headline) -> None:
        """Show the app's new state."""
        set_classes(self._chip, f"ts-chip ts-chip-{headline.state}")
        self._word.set_text(headline.word)
        self._detail.set_text(headline.detail)
