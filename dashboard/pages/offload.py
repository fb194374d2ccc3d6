"""Everything about one offload: the call, its files, prompt, rounds, diff, time, receipt; undo."""

import json
import time

from nicegui import ui

from dashboard.components.attempt_view import attempt_view
from dashboard.components.basics import button, card, empty
from dashboard.components.diff_view import diff_view
from dashboard.components.offload_list import badge
from dashboard.components.receipt_view import receipt_view
from dashboard.components.timing_bar import timing_bar
from dashboard.format import ago, exact, size
from dashboard.shell import frame
from server.hub import Hub
from server.store.records import OffloadDetail

DIGEST_SHOWN = 12


def add(hub: Hub) -> None:
    """Register the page at ``/offload/{id}``."""

    @ui.page("/offload/{offload_id}")
    async def offload(offload_id: str) -> None:
        detail = await hub.history.get(offload_id)
        with frame(hub, "Offload"):
            if detail is None:
                with card("Not found", wide=True):
                    empty("There is no offload of that id. It may have been removed with age.")
                return
            _show(hub, detail)


def _show(hub: Hub, detail: OffloadDetail) -> None:
    with ui.element("div").classes("ts-grid"):
        _head(hub, detail)
        if detail.diff:
            with card("Diff", wide=True):
                diff_view(detail.diff)
        if detail.receipt is not None:
            with card("Receipt"):
                receipt_view(detail.receipt)
        with card("The call"):
            _call(detail)
        if detail.files:
            with card("Files", wide=True):
                _files(detail)
        if detail.attempts:
            with card("Rounds with the model", wide=True):
                for attempt in detail.attempts:
                    attempt_view(attempt, opened=attempt is detail.attempts[-1])


def _head(hub: Hub, detail: OffloadDetail) -> None:
    row = detail.row
    with card("", wide=True):
        with ui.element("div").classes("ts-row"):
            badge(row)
            ui.label(f"{row.tool} · {ago(row.started_at, time.time())}").classes("ts-quiet").tooltip(
                exact(row.started_at)
            )
            if detail.undo is not None and not row.undone:
                button("Undo", lambda: _undo(hub, row.id), danger=True)
        ui.label(row.task).classes("ts-task")
        ui.label(row.summary).classes("ts-pre")
        timing_bar(detail.timings)


async def _undo(hub: Hub, offload_id: str) -> None:
    ui.notify(await hub.offloader.undo(offload_id), type="positive")
    ui.navigate.reload()


def _call(detail: OffloadDetail) -> None:
    row = detail.row
    for name, value in (
        ("client", row.client),
        ("project", row.project),
        ("model", row.model),
        ("engine", detail.backend),
        ("tool use", detail.tool_use_id or ""),
    ):
        if value:
            with ui.element("div").classes("ts-pair"):
                ui.label(name).classes("ts-quiet")
                ui.label(value).classes("ts-clip")
    ui.label(json.dumps(detail.arguments, indent=1, ensure_ascii=False)).classes("ts-pre").props("tabindex=0")


def _files(detail: OffloadDetail) -> None:
    for file in detail.files:
        with ui.element("div").classes("ts-pair"):
            ui.label(file.role).classes("ts-quiet")
            ui.label(f"{file.path} {file.selection}".strip()).classes("ts-clip ts-grow")
            ui.label(f"{size(file.size)} · {file.digest[:DIGEST_SHOWN]}").classes("ts-quiet ts-num")
