"""A list of offloads: one line each, which links to everything about it."""

from collections.abc import Sequence
from pathlib import PurePath

from nicegui import ui

from dashboard.format import ago, duration, exact, signed
from server.store.records import OffloadRow

OUTCOMES = {
    "running": "running",
    "delivered": "delivered",
    "returned": "returned",
    "handed_back": "handed back",
    "failed": "failed",
    "cancelled": "cancelled",
    "denied": "denied",
    "interrupted": "interrupted",
}


def offload_list(rows: Sequence[OffloadRow], now: float) -> None:
    """Draw the rows, in the order given."""
    with ui.element("div").classes("ts-list").props("role=list"):
        for row in rows:
            _line(row, now)


def badge(row: OffloadRow) -> None:
    """Draw the outcome as a word on its colour."""
    words = "undone" if row.undone else OUTCOMES.get(row.outcome, row.outcome)
    ui.label(words).classes("ts-badge").props(f"data-outcome={row.outcome}")


def _line(row: OffloadRow, now: float) -> None:
    link = ui.link(target=f"/offload/{row.id}").classes("ts-line").props("role=listitem")
    with link:
        badge(row)
        with ui.element("div").classes("ts-grow"):
            ui.label(row.task).classes("ts-strong ts-clip")
            target = PurePath(row.output).name if row.output else "answer to the client"
            ui.label(" · ".join(part for part in (target, row.model, row.client) if part)).classes(
                "ts-quiet ts-clip"
            )
        with ui.element("div").classes("ts-right"):
            tone = "ts-loss" if row.net_tokens < 0 else "ts-gain"
            ui.label(signed(row.net_tokens)).classes(f"ts-num ts-strong {tone}").tooltip("net tokens")
            when = f"{ago(row.started_at, now)} · {duration(row.seconds)}"
            ui.label(when).classes("ts-quiet ts-num").tooltip(exact(row.started_at))
