"""The title of the browser tab: the app's state, then the page."""

from nicegui import ui

from dashboard import formats
from server.state.snapshot import Snapshot

APP = "Claude Token Saver"


class TabTitle:
    """A title that follows the app's state. It is only sent when it changes."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._shown = ""

    def update(self, snapshot: Snapshot) -> None:
        """Update the title to the app's new state."""
        title = tab_title(snapshot, self._page)
        if title != self._shown:
            self._shown = title
            ui.page_title(title)


def tab_title(snapshot: Snapshot, page: str) -> str:
    """Return a title such as ``▶ 2 · +6.7k · Now``: pending approvals or problems first, then work and
    savings.
    """
    running, waiting = snapshot.counts
    parts = []
    if snapshot.approvals:
        parts.append(f"⚠ {len(snapshot.approvals)} to approve")
    if snapshot.paused_until is not None:
        parts.append("⏸")
    elif running or waiting:
        parts.append(f"▶ {running + waiting}")
    if parts and snapshot.saved_today.net_tokens:
        parts.append(formats.signed(snapshot.saved_today.net_tokens))
    return " · ".join((*parts, page, APP))
