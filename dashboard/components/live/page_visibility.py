"""Whether the page is visible in the browser. Hidden pages receive no updates."""

from nicegui import Event
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from dashboard.hub_updates import HubUpdates


class PageVisibility(Element, component="page_visibility.js"):
    """Tracks the visibility of one page. A page is assumed visible until its browser reports otherwise."""

    def __init__(self, updates: HubUpdates) -> None:
        super().__init__()
        self.became_visible = Event[[]]()
        """The page has become visible again."""
        self._updates = updates
        self.on("visibility", self._set)

    @property
    def page_visible(self) -> bool:
        """Return whether the browser is drawing the page."""
        return self.client not in self._updates.hidden_pages

    def _set(self, event: GenericEventArguments) -> None:
        if not event.args:
            self._updates.hidden_pages.add(self.client)
        elif not self.page_visible:
            self._updates.hidden_pages.discard(self.client)
            self.became_visible.emit()
