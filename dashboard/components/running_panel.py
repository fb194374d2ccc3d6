"""What runs and what waits: stage in words, the text as it streams, speed, cancel."""

from dataclasses import dataclass

from nicegui import ui

from dashboard.components.basics import button, card
from dashboard.format import count, duration
from server.hub import Hub
from server.snapshot import RunningOffload, Snapshot

STAGES = {
    "read": "Reading files",
    "fit": "Counting the prompt",
    "download": "Fetching the model",
    "queue": "Waiting for its turn",
    "load": "Loading the model",
    "prompt": "Processing the prompt",
    "generate": "Writing",
    "check": "Checking",
    "repair": "Repairing",
    "deliver": "Writing the file",
}
SHOWN_WAITING = 5


@dataclass
class _Row:
    root: ui.element
    stage: ui.label
    figures: ui.label
    text: ui.label


class RunningPanel:
    """Shows the running offloads of each snapshot; a row lives as long as its offload."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._rows: dict[str, _Row] = {}
        with card("Running", wide=True):
            self._empty = ui.label("Nothing runs. Ask Claude for a chore that names files.").classes(
                "ts-empty"
            )
            self._body = ui.element("div").classes("ts-stack")
            self._more = ui.label().classes("ts-quiet")

    def show(self, snapshot: Snapshot) -> None:
        """Bring the panel to this snapshot."""
        waiting = [each for each in snapshot.running if each.stage == "queue"]
        shown = [each for each in snapshot.running if each.stage != "queue"] + waiting[:SHOWN_WAITING]
        for gone in set(self._rows) - {each.id for each in shown}:
            self._rows.pop(gone).root.delete()
        for offload in shown:
            if offload.id not in self._rows:
                with self._body:
                    self._rows[offload.id] = self._add(offload)
            _update(self._rows[offload.id], offload, snapshot.taken_at)
        self._empty.set_visibility(not shown)
        hidden = len(waiting) - SHOWN_WAITING
        self._more.set_text(f"and {hidden} more waiting" if hidden > 0 else "")
        self._more.set_visibility(hidden > 0)

    def _add(self, offload: RunningOffload) -> _Row:
        with ui.element("article").classes("ts-run") as root:
            with ui.element("div").classes("ts-row"):
                ui.label(offload.task).classes("ts-strong ts-clip")
                button("Cancel", lambda: self._hub.offloader.cancel(offload.id), danger=True)
            with ui.element("div").classes("ts-row"):
                stage = ui.label().classes("ts-stage")
                figures = ui.label().classes("ts-quiet ts-num")
            origin = " · ".join(part for part in (offload.output, offload.model, offload.client) if part)
            ui.label(origin).classes("ts-quiet ts-clip")
            text = ui.label().classes("ts-stream")
        return _Row(root, stage, figures, text)


def _update(row: _Row, offload: RunningOffload, now: float) -> None:
    words = STAGES.get(offload.stage, offload.stage)
    row.stage.set_text(f"{words}: {offload.detail}" if offload.detail else words)
    parts = [duration(now - offload.started_at)]
    if offload.tokens:
        parts.insert(0, f"~{count(offload.tokens)} tokens")
    if offload.tokens_per_second:
        parts.append(f"{offload.tokens_per_second:.0f} tokens/s")
    row.figures.set_text(" · ".join(parts))
    row.text.set_text(offload.text[-1500:])
    row.text.set_visibility(bool(offload.text))
