"""*Now*: is it working, what is it doing, what has it saved, what went wrong."""

from nicegui import background_tasks, ui

from dashboard.components.basics import card, empty
from dashboard.components.engine_panel import EnginePanel
from dashboard.components.offload_list import offload_list
from dashboard.components.running_panel import RunningPanel
from dashboard.components.savings_panel import SavingsPanel
from dashboard.feed import follow
from dashboard.shell import frame
from server.hub import Hub
from server.snapshot import Snapshot
from server.store.records import OffloadFilter

LATEST = 8


def add(hub: Hub) -> None:
    """Register the page at ``/``."""

    @ui.page("/")
    def now() -> None:
        with frame(hub, "Now"):
            _Now(hub)


class _Now:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._listed: object = None
        with ui.element("div").classes("ts-grid"):
            self._savings = SavingsPanel(hub)
            self._engine = EnginePanel(hub)
            self._running = RunningPanel(hub)
            with card("Latest", wide=True):
                self._latest = ui.element("div")
        follow(hub, self._show)

    def _show(self, snapshot: Snapshot) -> None:
        self._savings.show(snapshot)
        self._engine.show(snapshot)
        self._running.show(snapshot)
        # Rows change when an offload begins or ends, and their ages once a minute.
        state = (snapshot.saved_all, len(snapshot.running), int(snapshot.taken_at // 60))
        if state != self._listed:
            self._listed = state
            background_tasks.create(self._read(snapshot), context=self._latest)

    async def _read(self, snapshot: Snapshot) -> None:
        rows = await self._hub.history.page(OffloadFilter(), LATEST)
        await self._savings.refresh(snapshot)
        self._latest.clear()
        with self._latest:
            if rows:
                offload_list(rows, snapshot.taken_at)
                ui.link("All offloads", "/history").classes("ts-more")
            else:
                empty('No offload yet. Tell Claude: "Use token-saver to write docstrings for src/app.py."')
