"""Words that change often: in place, without the rest of the page being built again for them."""

from nicegui.element import Element

from dashboard.components.live.browser_calls import call_in_browser


class LiveText(Element, component="live_text.js"):
    """A span, or another tag, with nothing but words in it."""

    def __init__(self, words: str = "", tag: str = "span") -> None:
        super().__init__()
        self.props.update({"words": words, "tag": tag})

    def put(self, words: str) -> None:
        """Show these words, where they are others."""
        if words != self.props["words"]:
            with self.props.suspend_updates():  # a page begins with them, one that is open is told
                self.props["words"] = words
            call_in_browser(self, "show", words)
