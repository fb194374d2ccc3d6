"""Filters for the history: a search field, a chip for each column, and the order."""

import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from nicegui import ui

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box
from dashboard.components.controls.filter_chip import FilterChip, Value
from dashboard.history_address import RETRIED, HistoryAddress, days_of
from dashboard.tool_names import call_name
from server.common.outcome_words import OUTCOME_WORDS
from server.hub import Hub
from server.offload.values import STRENGTHS
from server.store.facet_counts import FacetCounts, count_facets
from server.store.jobs import Jobs
from server.store.records import DASHBOARD, IN_BATCH, NO_BATCH, REVIEWS, SHELL, Facets

TIMES = {"": "Any time", "today": "Today", "7d": "Last 7 days", "30d": "Last 30 days"}
ORDERS = {
    "": "Newest first",
    "saved": "Most saved first",
    "lost": "Most lost first",
    "slowest": "Slowest first",
}
REVIEW_WORDS = {
    "waiting": "Not reviewed",
    "kept": "Kept",
    "undone": "Undone",
    "rerun": "Run again",
    "trial": "First steps",
}
OWN = {SHELL: "You, in a shell", DASHBOARD: "You, in the dashboard"}
CHIPS = {
    "outcome": ("Outcome", "Any outcome"),
    "strength": ("Check", "Any strength of check"),
    "review": ("Review", "Reviewed or not"),
    "model": ("Model", "Any model"),
    "project": ("Project", "Any project"),
    "client": ("Client", "Any client"),
    "tool": ("Kind", "Any kind of call"),
    "batch": ("Batch", "In a batch or not"),
    "time": ("Time", "Any time"),
}
"""Each field with its name, and with the words for its removal."""
TYPING_SECONDS = 0.3
"""Delay between the last keystroke and the search (seconds)."""
MOST_BATCHES = 10
"""Number of the latest batches in the menu."""
FOCUS = "document.querySelector('.ts-filter-search input')?.focus()"


class HistoryFilters:
    """Shows the filters in an address. ``on_change`` is called with each new address."""

    def __init__(
        self, hub: Hub, address: HistoryAddress, on_change: Callable[[HistoryAddress], object]
    ) -> None:
        self._hub = hub
        self._address = address
        self._on_change = on_change
        self._counts = FacetCounts()
        self._facets = Facets()
        self._batches: Mapping[str, str] = {}
        with box("ts-filters", "search", "Filter the history"):
            self._search = ui.input("Search tasks and files", value=address.q).props(
                f"outlined dense clearable debounce={TYPING_SECONDS * 1000:.0f}"
            )
            self._search.props["placeholder"] = "Words of the task or of a file name"
            self._search.classes("ts-filter-search")
            self._search.on_value_change(lambda event: self._choose("q", (event.value or "").strip()))
            with box("ts-chips"):
                self._chips = {
                    field: FilterChip(name, words, self._chooser(field))
                    for field, (name, words) in CHIPS.items()
                }
                self._clear = button(
                    "Clear all", self.clear, icon="close", look="quiet", label="Clear all filters"
                ).classes("ts-btn-small")
                box("ts-grow")
                self._order = FilterChip("Order", ORDERS[""], self._chooser("order"))
        self._show()

    async def load(self) -> None:
        """Count what each value would leave."""
        today = datetime.date.today()  # noqa: DTZ011 - days are those of the local time zone
        where = replace(self._address.filter(today), retried_codes=RETRIED)
        database = self._hub.history.database
        self._counts = await count_facets(database, where)
        self._facets = await self._hub.history.facets()
        if self._counts.of("batch").get(IN_BATCH):
            jobs = await Jobs(database).page(MOST_BATCHES)
            self._batches = {job.id: formats.one_line(job.task, 40) or f"Batch {job.id}" for job in jobs}
        self._show()

    async def clear(self) -> None:
        """Remove the search and all filters, and continue at the search."""
        self._change(HistoryAddress(order=self._address.order))
        self._search.set_value("")
        ui.run_javascript(FOCUS)

    def words(self) -> list[str]:
        """Return the filters in words: ``outcome Failed``, ``“zebra” in the task or a file name``."""
        address = self._address
        found = [f"“{address.q}” in the task or a file name"] if address.q else []
        for field, (name, _) in CHIPS.items():
            chosen = next((value for value in self._values(field) if value.chosen), None)
            if chosen is not None:
                found.append(f"{name.lower()} {chosen.words}")
        return found

    def _chooser(self, field: str) -> Callable[[str], None]:
        return lambda value: self._choose(field, value)

    def _choose(self, field: str, value: str) -> None:
        if getattr(self._address, field) != value:
            changed: dict[str, str] = {field: value, "before": ""}
            self._change(replace(self._address, **changed))

    def _change(self, address: HistoryAddress) -> None:
        self._address = address
        self._show()
        self._on_change(address)

    def _show(self) -> None:
        for field, chip in self._chips.items():
            chip.update(self._values(field))
        order = self._address.order
        self._order.update(
            [Value(name, words, chosen=name == order) for name, words in ORDERS.items() if name]
        )
        self._clear.set_visibility(self._address.filters)

    def _values(self, field: str) -> list[Value]:
        chosen: str = getattr(self._address, field)
        if field == "time":
            times = {**TIMES, **_days(chosen)}
            return [Value(name, words, chosen=name == chosen) for name, words in times.items() if name]
        counts = self._counts.of(field)
        names = [*counts, *(name for name in self._all(field) if name not in counts)]
        if chosen and chosen not in names:
            names.append(chosen)
        return [
            Value(name, words, self._count(counts, name), about, chosen=name == chosen)
            for name, words, about in self._named(field, names)
        ]

    def _count(self, counts: Mapping[str, int], name: str) -> int | None:
        # Beyond the counted ones, there may be more.
        return None if self._counts.more else counts.get(name, 0)

    def _all(self, field: str) -> Sequence[str]:
        found: Sequence[str] = getattr(self._facets, f"{field}s", ())
        return found

    def _named(self, field: str, names: Sequence[str]) -> list[tuple[str, str, str]]:
        """Return the values in the order of the menu, each with its words and the text on hover."""
        if field == "batch":
            known = [name for name in (IN_BATCH, NO_BATCH, *self._batches) if name in names]
            chosen = [name for name in names if name == self._address.batch and name not in known]
            words = {IN_BATCH: "In a batch", NO_BATCH: "Not in a batch", **self._batches}
            return [(name, words.get(name, f"Batch {name}"), "") for name in (*known, *chosen)]
        if field == "project":
            short = Counter(PurePath(name).name for name in names)
            found = [(name, _project(name, short), name) for name in names]
        elif field == "client":
            found = [(name, OWN.get(name, name), "") for name in names]
        elif field == "tool":
            found = [(name, call_name(name), name) for name in names]
        elif field == "outcome":
            return [(name, formats.outcome(name), "") for name in _in_order(names, tuple(OUTCOME_WORDS))]
        elif field == "strength":
            return [(name, formats.capitalised(name), "") for name in _in_order(names, STRENGTHS)]
        elif field == "review":
            return [(name, REVIEW_WORDS.get(name, name), "") for name in _in_order(names, REVIEWS)]
        else:
            found = [(name, formats.model_name(name), name) for name in names]
        return sorted(found, key=lambda each: each[1].lower())


def _days(time: str) -> dict[str, str]:
    """Return the choice for days that a link asks for."""
    days = days_of(time)
    names = [formats.day_name(day.isoformat()) for day in dict.fromkeys(days or ())]
    return {time: " to ".join(names)} if days else {}


def _in_order(names: Sequence[str], known: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: known.index(name) if name in known else len(known))


def _project(path: str, short: Mapping[str, int]) -> str:
    place = PurePath(path)
    return str(PurePath(*place.parts[-2:])) if short[place.name] > 1 else formats.project_name(path)
