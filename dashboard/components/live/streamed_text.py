"""The answer of a running offload, shown as the model writes it. Only new text is sent to the page."""

from nicegui.element import Element

from dashboard.components.live.browser_calls import call_in_browser
from server.state.snapshot import RunningOffload


class StreamedText(Element, component="streamed_text.js"):
    """Shows the text an offload has written so far."""

    def __init__(self, offload: RunningOffload) -> None:
        super().__init__()
        self.classes("ts-stream-text")
        self._shown = offload
        self._set_props()

    def show(self, offload: RunningOffload) -> None:
        """Append new text, or replace the text shown if the answer is from a new round."""
        before, self._shown = self._shown, offload
        new = offload.characters - before.characters
        if offload.round != before.round or not 0 <= new <= len(offload.text):
            self._send("put", offload.text)
        elif new:
            self._send("add", offload.text[-new:])

    def _send(self, method: str, words: str) -> None:
        self._set_props()
        call_in_browser(self, method, words, self._shown.characters)

    def _set_props(self) -> None:
        """Set the text for newly opened pages. Pages already open are updated by calls instead."""
        with self.props.suspend_updates():
            self.props["text"] = self._shown.text
            self.props["end"] = self._shown.characters
