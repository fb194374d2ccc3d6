"""The state of the app in a word, at the top of every page."""

from dashboard.app_status import Headline
from dashboard.components.controls.elements import box, set_classes, text
from dashboard.components.live.live_text import LiveText


class StateChip:
    """A dot, the word and one line of detail; read aloud when it changes."""

    def __init__(self) -> None:
        with box("chip") as self._chip:
            self._chip.props["role"] = "status"
            box("dot")
            self._word = text("", "chip-word")
            self._detail = LiveText().classes("chip-detail")

    def update(self, headline: Headline) -> None:
        """Show another state."""
        set_classes(self._chip, f"chip chip-{headline.state}")
        self._word.set_text(headline.word)
        self._detail.put(headline.detail)
