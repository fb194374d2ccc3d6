"""Whether anybody can see the page: one behind another tab is sent nothing that only the eye needs."""

from nicegui import Event
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from dashboard.hub_updates import HubUpdates


class PageVisibility(Element, component="page_visibility.js"):
    """One per page. Until the browser says otherwise, the page is seen."""

    def __init__(self, updates: HubUpdates) -> None:
        super().__init__()
        self.became_visible = Event[[]]()
        """The page is seen again."""
        self._updates = updates
        self.on("seen", self._take)

    @property
    def page_visible(self) -> bool:
        """Whether the page is drawn."""
        return self.client not in self._updates.hidden_pages

    def _take(self, event: GenericEventArguments) -> None:
        if not event.args:
            self._updates.hidden_pages.add(self.client)
        elif not self.page_visible:
            self._updates.hidden_pages.discard(self.client)
            self.became_visible.emit()
