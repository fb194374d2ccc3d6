"""*History*: every offload, newest first, with filters that are kept in the address."""

import time
from dataclasses import asdict
from urllib.parse import urlencode

from nicegui import ui

from dashboard.components.basics import card, empty
from dashboard.components.offload_list import OUTCOMES, offload_list
from dashboard.shell import frame
from server.hub import Hub
from server.store.records import OffloadFilter, OffloadRow

PAGE = 50
FILTERS = ("tool", "outcome", "model", "project", "client")


def add(hub: Hub) -> None:
    """Register the page at ``/history``."""

    @ui.page("/history")
    async def history(
        *,
        search: str = "",
        tool: str = "",
        outcome: str = "",
        model: str = "",
        project: str = "",
        client: str = "",
        before: str = "",
    ) -> None:
        where = OffloadFilter(
            search=search, tool=tool, outcome=outcome, model=model, project=project, client=client
        )
        # One more than is shown tells whether there is a next page.
        rows = await hub.history.page(where, PAGE + 1, before or None)
        facets = await hub.history.facets()
        with frame(hub, "History"):
            _filters(where, {name: getattr(facets, f"{name}s") for name in FILTERS})
            with card("", wide=True):
                _rows(rows, where)


def _filters(where: OffloadFilter, choices: dict[str, tuple[str, ...]]) -> None:
    def change(name: str, value: str | None) -> None:
        ui.navigate.to(_address(OffloadFilter(**{**asdict(where), name: value or ""})))

    with ui.element("div").classes("ts-filters").props('role=search aria-label="Filter the history"'):
        box = ui.input("Search tasks and files", value=where.search).props("outlined dense clearable")
        box.classes("ts-grow")
        box.on("keydown.enter", lambda: change("search", box.value))
        box.on("clear", lambda: change("search", ""))
        for name in FILTERS:
            values = {value: OUTCOMES.get(value, value) for value in choices[name] if value}
            select = ui.select(
                {"": f"any {name}", **values},
                value=getattr(where, name) if getattr(where, name) in values else "",
                on_change=lambda event, name=name: change(name, event.value),
            )
            select.props(f'outlined dense options-dense aria-label="{name}"').classes("ts-select")


def _rows(rows: tuple[OffloadRow, ...], where: OffloadFilter) -> None:
    if not rows:
        filtered = where != OffloadFilter()
        empty("Nothing matches. Clear a filter." if filtered else "No offload yet.")
        return
    offload_list(rows[:PAGE], time.time())
    if len(rows) > PAGE:
        ui.link("Older", _address(where, before=rows[PAGE - 1].id)).classes("ts-more")


def _address(where: OffloadFilter, before: str = "") -> str:
    parts = {**asdict(where), "before": before}
    query = urlencode({name: value for name, value in parts.items() if value})
    return f"/history?{query}" if query else "/history"
