"""Filters for the history: a search field and one choice per column."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box
from dashboard.history_address import HistoryAddress, days_of
from server.store.records import Facets

TIMES = {"": "Any time", "today": "Today", "7d": "Last 7 days", "30d": "Last 30 days"}
TYPING_SECONDS = 0.3
"""Delay between the last keystroke and the search (seconds)."""


class HistoryFilters:
    """Shows the filters in an address. ``on_change`` is called with each new address."""

    def __init__(
        self, address: HistoryAddress, facets: Facets, on_change: Callable[[HistoryAddress], object]
    ) -> None:
        self._address = address
        self._on_change = on_change
        with box("ts-filters", "search", "Filter the history"):
            search = ui.input("Search tasks and files", value=address.q).props(
                f"outlined dense clearable debounce={TYPING_SECONDS * 1000:.0f}"
            )
            search.classes("ts-filter-search").on_value_change(lambda event: self._choose("q", event))
            outcomes = sorted(facets.outcomes, key=_place)
            self._choice("outcome", "Outcome", {name: formats.outcome(name) for name in outcomes})
            self._choice("model", "Model", {name: name for name in facets.models if name})
            self._choice("project", "Project", {path: _project(path) for path in facets.projects if path})
            self._choice("client", "Client", {name: name for name in facets.clients if name})
            self._choice("tool", "Tool", {name: name for name in facets.tools})
            spans = {**TIMES, **_days(address.time)}
            times = ui.select(spans, value=address.time if address.time in spans else "", label="Time")
            times.props("outlined dense options-dense").classes("ts-filter")
            times.on_value_change(lambda event: self._choose("time", event))
            # The address moves the focus to the search field.
            clear = button(
                "Clear filters", lambda: ui.navigate.to("/history#search"), icon="close", look="quiet"
            )
            clear.set_visibility(address.filters)
            self._clear = clear

    def _choice(self, field: str, name: str, options: dict[str, str]) -> None:
        value: str = getattr(self._address, field)
        if value and value not in options:
            options = {value: value, **options}
        choice = ui.select(options, value=value or None, label=name, clearable=True)
        choice.props("outlined dense options-dense").classes("ts-filter")
        choice.on_value_change(lambda event: self._choose(field, event))

    def _choose(self, field: str, event: ValueChangeEventArguments[Any]) -> None:
        changed: dict[str, str] = {field: (event.value or "").strip(), "before": ""}
        self._address = replace(self._address, **changed)
        self._clear.set_visibility(self._address.filters)
        self._on_change(self._address)


def _days(time: str) -> dict[str, str]:
    """Return the choice for days that a link asks for."""
    days = days_of(time)
    names = [formats.day_name(day.isoformat()) for day in dict.fromkeys(days or ())]
    return {time: " to ".join(names)} if days else {}


def _place(outcome: str) -> int:
    """Return the place of an outcome in the list: results first."""
    known = list(formats.OUTCOMES)
    return known.index(outcome) if outcome in known else len(known)


def _project(path: str) -> str:
    return PurePath(path).name or path
