"""The *History* page: every offload, with filters and order in the address."""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import replace

from nicegui import Event, ui

from dashboard import formats
from dashboard.app_status import split
from dashboard.components.controls.button import button
from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, link, set_prop, text
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.frame.page_frame import Page, page_frame
from dashboard.components.offloads.folded_list import FoldedList
from dashboard.components.offloads.history_filters import HistoryFilters
from dashboard.history_address import RETRIED, HistoryAddress
from dashboard.hub_updates import HubUpdates
from server.commands.welcome import connect_line
from server.hub import Hub
from server.state.snapshot import Snapshot
from server.store.records import IN_BATCH, NO_BATCH, OffloadRow, Summary

ROWS = 50


async def show(hub: Hub, updates: HubUpdates, address: HistoryAddress) -> None:
    """Fill the page for an address."""
    with page_frame(hub, updates, "History", "/history") as page:
        listing = Listing(page, address)
        with box("ts-card ts-history"):
            filters = HistoryFilters(hub, address, listing.change)
            listing.place(filters)
        page.follow_changes(listing.update)
    await page.reload_on(filters.load, updates.history_changed, requested=listing.requested)
    await page.reload_on(listing.load, updates.history_changed, requested=listing.requested)


def summary(found: Summary, *, filtered: bool, searched: bool = False) -> str:
    """Return how many offloads the list has, and what the user's own calls among them would have saved.
    ``searched`` adds what the search looks at.
    """
    many = formats.count(found.offloads, "offload")
    parts = [f"{'More than ' if found.more else ''}{many}{' found' if filtered else ''}."]
    if searched:
        parts.append("The search looks for the beginnings of words in tasks and file names.")
    if found.by_user:
        parts.append(
            f"Your own calls: {formats.number(found.by_user)}, counted as 0. Made by Claude, this work would "
            f"have {formats.would_have(found.would_save_tokens)}."
        )
    return " ".join(parts)


def with_queue(rows: Sequence[OffloadRow], queued: Collection[str]) -> tuple[OffloadRow, ...]:
    """Return the rows; those in ``queued`` are waiting, although the history counts them as running."""
    return tuple(replace(row, outcome="waiting") if row.id in queued else row for row in rows)


def _queued(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(each.id for each in split(snapshot.running)[1])


class Listing:
    """One page of rows, with links to newer and older rows."""

    def __init__(self, page: Page, address: HistoryAddress) -> None:
        self.requested = Event[[]]()
        """The user navigated to a different address."""
        self._page = page
        self._address = address
        self._shown: HistoryAddress | None = None
        self._loaded: tuple[OffloadRow, ...] = ()
        self._queued: frozenset[str] = frozenset()

    def place(self, filters: HistoryFilters) -> None:
        """Create the list in the current container. ``filters`` names the filters of an empty list."""
        self._filters = filters
        with box("ts-listing"):
            self._summary = text("", "ts-sub", "p")
            self._rows = FoldedList(self._page.clock)
            self._empty = RebuiltSection(box())
            with box("ts-pager", "nav", "History pages"):
                self._newest = link("", "ts-btn-link", "Newest")
                self._older = link("", "ts-btn-link", "Older")

    def update(self, snapshot: Snapshot) -> None:
        """Show which offloads wait for the engine."""
        queued = _queued(snapshot)
        if queued != self._queued:
            self._queued = queued
            self._rows.update(with_queue(self._loaded, queued))

    def change(self, address: HistoryAddress) -> None:
        """Show the rows for a different address without reloading the page."""
        self._address = address
        ui.navigate.history.replace(address.url)
        self.requested.emit()

    async def load(self) -> None:
        """Read and show the rows. Older pages never change, so they are read only once."""
        wanted = self._address
        if wanted.before and wanted == self._shown:
            return
        today = datetime.date.today()  # noqa: DTZ011 - days are those of the local time zone
        where = replace(wanted.filter(today), retried_codes=RETRIED)
        history, order = self._page.hub.history, wanted.sorted_by
        rows = await history.page(where, ROWS + 1, wanted.before or None, order)
        self._shown = wanted
        found = await history.summary(where)
        words = summary(found, filtered=wanted.filters, searched=bool(wanted.q))
        self._summary.set_text(words if rows else "")
        # A batch as one row would hide the order, and all that a filter for that batch finds.
        self._rows.fold(order == "newest" and wanted.batch in ("", IN_BATCH, NO_BATCH))
        self._loaded = rows[:ROWS]
        self._queued = _queued(self._page.hub.snapshot())
        self._rows.update(with_queue(self._loaded, self._queued))
        self._rows.element.set_visibility(bool(rows))
        self._empty.show(None if rows else wanted, lambda: None if rows else self._say_empty(wanted))
        self._newest.set_visibility(bool(wanted.before))
        self._newest.set_text("Newest" if order == "newest" else "First page")
        self._older.set_text("Older" if order == "newest" else "Next page")
        set_prop(self._newest, "href", replace(wanted, before="").url)
        self._older.set_visibility(len(rows) > ROWS)
        if len(rows) > ROWS:
            set_prop(self._older, "href", replace(wanted, before=rows[ROWS - 1].id).url)

    def _say_empty(self, wanted: HistoryAddress) -> None:
        if wanted.filters:
            empty(f"No offload matches all of these: {', '.join(self._filters.words())}.")
            if wanted.q:
                text("The search looks for the beginnings of words, not in answers.", "ts-sub", "p")
            with box("ts-actions"):
                button("Clear all", self._filters.clear, icon="close", label="Clear all: search and filters")
        elif wanted.before:
            empty("There are no older offloads.")
        else:
            empty(
                "No offloads yet. Connect Claude Code with this command, then give it a task:",
                command=connect_line(),
            )
