"""The audit trail on the *Policy* page: search, filter, and rows that open in place."""

from collections.abc import Sequence
from typing import Any

from nicegui import Event, ui
from nicegui.events import ValueChangeEventArguments

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, link, set_prop, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.frame.page_frame import Page
from dashboard.components.live.clock import Clock
from dashboard.trail_words import KINDS, runs, trail_words
from server.policy.trail import Record

ROWS = 50
"""Number of trail rows shown at first and added by each click."""
Run = tuple[Record, ...]
"""Equal rows that follow each other, latest first."""


class TrailList:
    """The latest rows of the trail that match the search."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._text = ""
        self._kind = ""
        self._ruled = True
        self._most = ROWS
        self.requested = Event[[]]()
        """The user changed the search."""
        with box("ts-load"):
            search = (
                ui.input("Search the trail").props("outlined dense clearable debounce=300").classes("ts-grow")
            )
            search.on_value_change(self._search)
            kinds = ui.select({"": "Everything", **KINDS}, value="", label="Kind")
            kinds.props("outlined dense options-dense").on_value_change(self._choose)
            button("Verify", self._verify, icon="verified_user", label="Verify that the trail is complete")
        every = ui.switch("Include calls that no rule matched", value=False).classes("ts-switch")
        set_prop(every, "aria-label", "Include calls that no rule matched")
        every.on_value_change(self._include_all)
        self._verdict = text("", "ts-sub", "p")
        self._verdict.props["role"] = "status"
        with box("ts-trail"):
            self._rows = KeyedList[Run](
                box("ts-rows", "ul"), lambda run: run[-1].seq, lambda run: _Row(run, page.clock)
            )
            with box() as self._nothing:
                empty("No rows match.")
            self._more = button("Show more", self._show_more, look="quiet", label="Show more of the trail")

    async def load(self) -> None:
        """Read and show the rows."""
        rows = await self._page.hub.gate.trail.search(
            self._text, self._kind, self._most + 1, ruled=self._ruled
        )
        self._rows.update(runs(rows[: self._most]))
        self._more.set_visibility(len(rows) > self._most)
        self._nothing.set_visibility(not rows)

    def _search(self, event: ValueChangeEventArguments[Any]) -> None:
        self._text = (event.value or "").strip()
        self.requested.emit()

    def _choose(self, event: ValueChangeEventArguments[Any]) -> None:
        self._kind = event.value or ""
        self.requested.emit()

    def _include_all(self, event: ValueChangeEventArguments[Any]) -> None:
        self._ruled = not event.value
        self.requested.emit()

    def _show_more(self) -> None:
        self._most += ROWS
        self.requested.emit()

    async def _verify(self) -> None:
        found = await self._page.hub.gate.trail.verify()
        complete = (
            f"The trail is complete: {formats.count(found.rows, 'row')}, each linked to the previous row."
        )
        self._verdict.set_text(found.problem or complete)


class _Row:
    """A row, or a run of equal ones, with its facts in a fold."""

    def __init__(self, run: Run, clock: Clock) -> None:
        words = trail_words(run[0])
        self._clock = clock
        self._times: Sequence[float] = ()
        with box("ts-trail-row", "li") as self.element, box("", "details"):
            with box("", "summary"):
                with box() as self._when:
                    pass
                text(words.kind, "ts-tag")
                with box("ts-grow"):
                    with box("ts-trail-head"):
                        text(words.title, "ts-trail-text")
                        self._count = text("", "ts-tag ts-num")
                    if words.about:
                        text(words.about, "ts-sub ts-trail-about", "p")
            with box("ts-trail-facts"):
                if words.whole:
                    text(words.whole, "ts-pre", "p")
                with box("ts-facts", "dl"):
                    for name, value in words.facts:
                        with box("ts-fact"):
                            text(name, tag="dt")
                            text(value, tag="dd")
                if words.offload:
                    link(f"/offload/{words.offload}", "ts-more", "Open the call")

    def update(self, run: Run) -> None:
        """Show when the latest row of the run was recorded, and how many rows there are."""
        self._when.clear()
        with self._when:
            self._clock.ago(run[0].at, "ts-sub")
        self._count.set_text(f"×{len(run)}")
        self._count.set_visibility(len(run) > 1)
