"""*History*: every offload, newest first, narrowed by filters that stand in the address."""

import datetime
from dataclasses import replace

from nicegui import Event, ui

from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, link, set_prop
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.frame.page_frame import Page, page_frame
from dashboard.components.offloads.history_filters import HistoryFilters
from dashboard.components.offloads.offload_list import OffloadList
from dashboard.history_address import HistoryAddress
from dashboard.hub_updates import HubUpdates
from server.commands.welcome import connect_line
from server.hub import Hub

ROWS = 50


async def show(hub: Hub, updates: HubUpdates, address: HistoryAddress) -> None:
    """Fill the page for what the address says."""
    facets = await hub.history.facets()
    with page_frame(hub, updates, "History", "/history") as page:
        listing = Listing(page, address)
        with box("card"):
            HistoryFilters(address, facets, listing.change)
            listing.place()
    await page.follow(listing.load, updates.history_changed, asked=listing.asked)


class Listing:
    """One page of rows, and the way to older ones."""

    def __init__(self, page: Page, address: HistoryAddress) -> None:
        self.asked = Event[[]]()
        """Another address is to be shown."""
        self._page = page
        self._address = address
        self._shown: HistoryAddress | None = None

    def place(self) -> None:
        """Put the list here."""
        with box("listing"):
            self._rows = OffloadList(self._page.clock, head=True)
            self._empty = RebuiltSection(box())
            with box("pager", "nav", "Pages of the history"):
                self._newest = link("", "btn-link", "Newest")
                self._older = link("", "btn-link", "Older")

    def change(self, address: HistoryAddress) -> None:
        """Show another address, in place."""
        self._address = address
        ui.navigate.history.replace(address.url)
        self.asked.emit()

    async def load(self) -> None:
        """Read the rows and show them, unless they are older ones, which do not change."""
        asked = self._address
        if asked.before and asked == self._shown:
            return
        where = asked.filter(datetime.date.today())  # noqa: DTZ011 - the days of the machine's own time zone
        rows = await self._page.hub.history.page(where, ROWS + 1, asked.before or None)
        self._shown = asked
        self._rows.update(rows[:ROWS])
        self._rows.element.set_visibility(bool(rows))
        self._empty.show(None if rows else asked, lambda: None if rows else self._say_empty(asked))
        self._newest.set_visibility(bool(asked.before))
        set_prop(self._newest, "href", replace(asked, before="").url)
        self._older.set_visibility(len(rows) > ROWS)
        if len(rows) > ROWS:
            set_prop(self._older, "href", replace(asked, before=rows[ROWS - 1].id).url)

    def _say_empty(self, asked: HistoryAddress) -> None:
        if asked.filters:
            empty("Nothing matches. Clear a filter, or search for fewer words.")
        elif asked.before:
            empty("That was the oldest.")
        else:
            empty("No offloads yet. Connect Claude Code, then ask it for a chore:", command=connect_line())
