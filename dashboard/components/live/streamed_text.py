"""The text of an answer as it is written: only what is new goes to the page."""

from nicegui.element import Element

from dashboard.components.live.browser_calls import call_in_browser
from server.state.snapshot import RunningOffload


class StreamedText(Element, component="streamed_text.js"):
    """Shows what an offload has written so far."""

    def __init__(self, offload: RunningOffload) -> None:
        super().__init__()
        self.classes("stream-text")
        self._shown = offload
        self._keep()

    def show(self, offload: RunningOffload) -> None:
        """Add what came since; another round's answer takes the place of the one before."""
        before, self._shown = self._shown, offload
        new = offload.characters - before.characters
        if offload.round != before.round or not 0 <= new <= len(offload.text):
            self._tell("put", offload.text)
        elif new:
            self._tell("add", offload.text[-new:])

    def _tell(self, method: str, words: str) -> None:
        self._keep()
        call_in_browser(self, method, words, self._shown.characters)

    def _keep(self) -> None:
        """Keep what a page begins with; one that is open is not sent it."""
        with self.props.suspend_updates():
            self.props["text"] = self._shown.text
            self.props["end"] = self._shown.characters
