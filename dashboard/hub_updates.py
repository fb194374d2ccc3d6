"""Passes on to the open pages what happens in the hub.

One updates for all pages: it listens to the hub, takes a snapshot at most every ``PACE_SECONDS`` however
fast a model writes, and tells the pages. Nothing here asks the engine anything.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakSet

from nicegui import Client, Event

from server.common.aio import cancel_and_wait
from server.common.events import (
    ApprovalAnswered,
    ApprovalRequested,
    JobChanged,
    MeasureProgress,
    OffloadEnded,
    OffloadQueued,
    OffloadText,
    OffloadUndone,
    PolicyReloaded,
    SettingsChanged,
    TranscriptCheckEnded,
    TranscriptChecksSwitched,
)
from server.common.events import Event as HubEvent
from server.hub import Hub
from server.models.hardware import Machine, read_machine
from server.state.snapshot import Snapshot

PACE_SECONDS = 0.15
"""The least time between two updates of the pages: quick to the eye, a twentieth of a model's events."""
BURST = 4
"""So many updates may follow each other at that pace, after that ``FEWEST`` a second: a batch, or a download,
changes something all the time, and nobody sees more."""
PAGE_SECONDS = 0.03
"""More time between two updates for each further page that is seen, since each draws them all."""
FEWEST = 2
"""Updates, or pieces of text, a second at least: one waits half the time between two, and that is quick."""
TICK_SECONDS = 1.0
"""Between two moments of the pages' clocks."""
EARLY_SECONDS = 0.08
"""By so much a clock may be early to be drawn together with a text: less than half the time between two."""
MACHINE_SECONDS = 10.0
"""Between looks at the machine's memory while a page is open; other programs take and free it too."""

WRITTEN = {OffloadText}
HISTORY = {OffloadQueued, OffloadEnded, OffloadUndone}
JOBS = {JobChanged}
MEASURED = {MeasureProgress}
AUDIT = {TranscriptChecksSwitched, TranscriptCheckEnded}
SETTINGS = {SettingsChanged}
POLICY = {ApprovalRequested, ApprovalAnswered, PolicyReloaded}


class HubUpdates:
    """The pages' source of news. Belongs to the hub's event loop once ``start`` ran."""

    def __init__(self, hub: Hub) -> None:
        self.changed = Event[Snapshot]()
        """The snapshot is another one, in more than what models have written."""
        self.text_written = Event[Snapshot]()
        """Models have written more, and nothing else is another."""
        self.history_changed = Event[[]]()
        """An offload began or ended, or one was undone: the history is another one."""
        self.second_passed = Event[float]()
        """A second passed; the time is seconds since the epoch."""
        self.jobs_changed = Event[[]]()
        """A batch, or an item of one, is in another state."""
        self.policy_changed = Event[[]]()
        """A call waits for the user or no longer does, or the rules are others."""
        self.transcript_check_changed = Event[[]]()
        """The transcript check was switched, or has found something new."""
        self.measured = Event[[]]()
        """The measuring of a model ended."""
        self.models_changed = Event[[]]()
        """Other models are installed or loaded, or the engine is another one."""
        self.settings_changed = Event[[]]()
        """A setting was changed, perhaps one that holds at once."""
        self.hidden_pages = WeakSet[Client]()
        """The pages that are open where nobody sees them, as behind another tab."""
        self.machine: Machine | None = None
        self._hub = hub
        self._last = hub.snapshot()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending = self._urgent = False
        self._beat: asyncio.TimerHandle | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._open = False
        self._pages = 0
        self._shown_at = self._tick_at = 0.0
        self._burst = float(BURST)
        self._looked_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._forget: tuple[Callable[[], None], ...] = ()
        self._kinds: set[type[HubEvent]] = set()

    async def start(self) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        self._forget = (self._hub.events.subscribe(self._sort), self._hub.on_change(self._note))
        self._task = asyncio.create_task(self._look_after_pages())
        self._move_clocks()

    async def stop(self) -> None:
        """Stop listening."""
        for forget in self._forget:
            forget()
        for timer in (self._beat, self._clock):
            if timer is not None:
                timer.cancel()
        await cancel_and_wait(self._task)

    def _sort(self, event: HubEvent) -> None:
        """Remember which kinds of events came since the last look; called in any thread."""
        kind = type(event)
        self._kinds.add(kind)
        if self._pending and not self._urgent and kind not in WRITTEN:
            self._plan()

    def _note(self) -> None:
        """Take note that something changed; called in any thread, often, and must return at once."""
        if not self._pending:
            self._pending = True
            self._plan()

    def _plan(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        """Choose when to show; the kinds are known only now, as `_note` may come before `_sort`."""
        assert self._loop is not None
        if not self._pending:
            return
        self._urgent = self._kinds != WRITTEN
        # Few updates follow each other quickly, others come more slowly while they never end.
        endless = self._urgent and self._burst < 1
        beat = self._shown_at + (1 / FEWEST if endless else _pause_between(self._pages))
        if self._beat is not None:
            self._beat.cancel()
        self._beat = self._loop.call_at(max(beat, self._loop.time()), self._show)

    def _show(self) -> None:
        assert self._loop is not None
        if self._beat is not None:
            self._beat.cancel()
        self._pending = self._urgent = False
        now = self._loop.time()
        self._burst = min(BURST, self._burst + (now - self._shown_at) * FEWEST)
        self._shown_at = now
        snapshot, before = self._hub.snapshot(), self._last
        self._last = snapshot
        if snapshot.engine.loaded != before.engine.loaded:
            self._looked_at = 0.0
        kinds, self._kinds = self._kinds, set()
        if kinds == WRITTEN and _apart_from_text(snapshot) == _apart_from_text(before):
            self.text_written.emit(snapshot)
            if self._shown_at >= self._tick_at - EARLY_SECONDS:
                self._move_clocks()
            return
        self._burst -= 1
        self.changed.emit(snapshot)
        if snapshot.saved_all != before.saved_all or kinds & HISTORY:
            self.history_changed.emit()
        if kinds & JOBS:
            self.jobs_changed.emit()
        if kinds & POLICY:
            self.policy_changed.emit()
        if kinds & MEASURED and not self._hub.measuring.running:
            self.measured.emit()
        if _models(snapshot) != _models(before):
            self.models_changed.emit()
        if kinds & AUDIT:
            self.transcript_check_changed.emit()
        if kinds & SETTINGS:
            self.settings_changed.emit()

    def _strike(self) -> None:
        """A second is over."""
        due = self._tick_at
        if self._pending and self._pages:
            self._show()  # which may take the clocks along
        if self._tick_at == due:
            self._move_clocks()

    def _move_clocks(self) -> None:
        assert self._loop is not None
        if self._clock is not None:
            self._clock.cancel()
        self._tick_at = self._loop.time() + TICK_SECONDS
        self._clock = self._loop.call_at(self._tick_at, self._strike)
        if self._open:
            self.second_passed.emit(time.time())

    async def _look_after_pages(self) -> None:
        while True:
            await asyncio.sleep(1)
            pages = [client for client in Client.instances.values() if client.has_socket_connection]
            self._open = self._hub.engine.watched = bool(pages)
            self._pages = sum(client not in self.hidden_pages for client in pages)
            if pages and time.monotonic() - self._looked_at >= MACHINE_SECONDS:
                await self.refresh_machine()

    async def refresh_machine(self) -> None:
        """Read the machine's memory, and tell the pages."""
        self._looked_at = time.monotonic()
        self.machine = await asyncio.to_thread(read_machine)
        self.changed.emit(self._hub.snapshot())


def _pause_between(pages: int) -> float:
    """Return seconds: such that a text falls on every tick of the clock, which would be a frame more."""
    return 1 / max(FEWEST, int(1 / (PACE_SECONDS + PAGE_SECONDS * max(0, pages - 1))))


def _apart_from_text(snapshot: Snapshot) -> Snapshot:
    running = tuple(
        replace(each, text="", characters=0, tokens=0, tokens_per_second=0.0, round=1)
        for each in snapshot.running
    )
    return replace(snapshot, taken_at=0.0, running=running)


def _models(snapshot: Snapshot) -> tuple[object, ...]:
    engine = snapshot.engine
    return engine.url, engine.installed, tuple(model.name for model in engine.loaded)
