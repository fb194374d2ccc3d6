"""*History*: every offload, newest first, narrowed by filters that stand in the address."""

import datetime
from dataclasses import replace

from nicegui import background_tasks, ui

from dashboard.address import HistoryAddress
from dashboard.components.card import empty
from dashboard.components.filters import Filters
from dashboard.components.offload_list import offload_list
from dashboard.components.shell import Page, shell
from dashboard.components.text import box, link
from dashboard.feed import Feed
from server.hub import Hub
from server.welcome import connect_line

ROWS = 50


async def show(hub: Hub, feed: Feed, address: HistoryAddress) -> None:
    """Fill the page for what the address says."""
    facets = await hub.history.facets()
    with shell(hub, feed, "History", "/history") as page:
        listing = Listing(page, address)
        with box("card"):
            Filters(address, facets, listing.change)
            listing.place()
    await listing.load()
    feed.booked.subscribe(listing.follow)


class Listing:
    """One page of rows, and the way to older ones."""

    def __init__(self, page: Page, address: HistoryAddress) -> None:
        self._page = page
        self._address = address
        self._client = ui.context.client

    def place(self) -> None:
        """Put the list here."""
        self._body = box("listing")

    def change(self, address: HistoryAddress) -> None:
        """Show another address, in place."""
        self._address = address
        ui.navigate.history.replace(address.url)
        background_tasks.create(self.load(), context=self._client)

    async def follow(self) -> None:
        """Show what is new, unless the reader is further down."""
        if not self._address.before:
            await self.load()

    async def load(self) -> None:
        """Read the rows and show them; what was asked for meanwhile wins."""
        asked = self._address
        where = asked.filter(datetime.date.today())  # noqa: DTZ011 - the days of the machine's own time zone
        rows = await self._page.hub.history.page(where, ROWS + 1, asked.before or None)
        if asked != self._address or self._body.is_deleted:
            return
        self._body.clear()
        with self._body:
            if rows:
                offload_list(rows[:ROWS], self._page.clock, head=True)
            else:
                self._say_empty()
            with box("pager", "nav", "Pages of the history"):
                if asked.before:
                    link(replace(asked, before="").url, "btn-link", "Newest")
                if len(rows) > ROWS:
                    link(replace(asked, before=rows[ROWS - 1].id).url, "btn-link", "Older")

    def _say_empty(self) -> None:
        if self._address.filters:
            empty("Nothing matches. Clear a filter, or search for fewer words.")
        elif self._address.before:
            empty("That was the oldest.")
        else:
            empty("No offloads yet. Connect Claude Code, then ask it for a chore:", command=connect_line())
