"""Text that changes often and is replaced in place, without rebuilding its surroundings."""

from nicegui.element import Element

from dashboard.components.live.browser_calls import call_in_browser


class LiveText(Element, component="live_text.js"):
    """A span (or another tag) that contains only text."""

    def __init__(self, words: str = "", tag: str = "span") -> None:
        super().__init__()
        self.props.update({"words": words, "tag": tag})

    def set_text(self, words: str) -> None:
        """Show a different text. Nothing is sent if it is unchanged."""
        if words != self.props["words"]:
            with self.props.suspend_updates():  # the props serve new pages; an open page receives a call
                self.props["words"] = words
            call_in_browser(self, "show", words)
