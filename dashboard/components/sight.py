"""Whether anybody can see the page: one behind another tab is sent nothing that only the eye needs."""

from nicegui import Event
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from dashboard.feed import Feed


class Sight(Element, component="sight.js"):
    """One per page. Until the browser says otherwise, the page is seen."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.back = Event[[]]()
        """The page is seen again."""
        self._feed = feed
        self.on("seen", self._take)

    @property
    def seen(self) -> bool:
        """Whether the page is drawn."""
        return self.client not in self._feed.unseen

    def _take(self, event: GenericEventArguments) -> None:
        if not event.args:
            self._feed.unseen.add(self.client)
        elif not self.seen:
            self._feed.unseen.discard(self.client)
            self.back.emit()
