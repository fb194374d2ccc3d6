"""Turns hub events into updates for the open pages.

One instance serves all pages. It listens to the hub, takes snapshots at a throttled pace (even if a model
writes faster), and emits an event for each kind of change. It never queries the engine.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakSet

from nicegui import Client, Event

from dashboard.throttle import Throttle
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
    ResultDigested,
    SettingsChanged,
    TranscriptCheckEnded,
    TranscriptChecksSwitched,
)
from server.common.events import Event as HubEvent
from server.gpu.hardware import Machine, read_machine
from server.hub import Hub
from server.state.snapshot import Snapshot

TEXT_SECONDS = 0.15
"""Pause between two updates of streamed text while one page is visible."""
PAGE_SECONDS = 0.03
"""Additional pause for each further visible page, because every page redraws."""
CHANGE_SECONDS = 0.5
"""Pause between two updates of other content, and the longest pause between pieces of text. The first change
after a quiet period is shown immediately. During a batch or a download, changes never stop.
"""
TICK_SECONDS = 1.0
"""Interval between ticks of the pages' clocks."""
EARLY_SECONDS = 0.08
"""How early a clock may tick so that it is drawn in the same frame as text: less than half a text pause."""
MACHINE_SECONDS = 10.0
"""Interval between memory readings while a page is open. Other programs also allocate and free memory."""

TEXT = {OffloadText}
HISTORY = {OffloadQueued, OffloadEnded, OffloadUndone}
JOBS = {JobChanged}
RESULTS = {ResultDigested}
MEASURED = {MeasureProgress}
AUDIT = {TranscriptChecksSwitched, TranscriptCheckEnded}
SETTINGS = {SettingsChanged}
POLICY = {ApprovalRequested, ApprovalAnswered, PolicyReloaded}


class HubUpdates:
    """The source of updates for the pages. After ``start``, it belongs to the hub's event loop."""

    def __init__(self, hub: Hub) -> None:
        self.changed = Event[Snapshot]()
        """Something other than streamed text changed in the snapshot."""
        self.text_written = Event[Snapshot]()
        """Models wrote more text; nothing else changed."""
        self.history_changed = Event[[]]()
        """An offload started, ended or was undone."""
        self.results_digested = Event[[]]()
        """A digest replaced a result in Claude Code, or turned into a loss."""
        self.second_passed = Event[float]()
        """A clock tick; the argument is the time in seconds since the epoch."""
        self.jobs_changed = Event[[]]()
        """A batch or one of its items changed state."""
        self.policy_changed = Event[[]]()
        """An approval was requested or answered, or the policy file was reloaded."""
        self.transcript_check_changed = Event[[]]()
        """The transcript check was switched on or off, or finished running."""
        self.measured = Event[[]]()
        """The measurement of a model ended."""
        self.models_changed = Event[[]]()
        """The installed models, the loaded models or the engine changed."""
        self.settings_changed = Event[[]]()
        """A setting changed. Some settings apply immediately."""
        self.hidden_pages = WeakSet[Client]()
        """Number of open pages that are not visible, for example because they are in a background tab."""
        self.machine: Machine | None = None
        self._hub = hub
        self._last = hub.snapshot()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending = self._urgent = False
        self._next_update: asyncio.TimerHandle | None = None
        self._next_tick: asyncio.TimerHandle | None = None
        self._open = False
        self._visible_pages = 0
        self._text_throttle = Throttle(TEXT_SECONDS)
        self._change_throttle = Throttle(CHANGE_SECONDS)
        self._tick_at = 0.0
        self._machine_read_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: tuple[Callable[[], None], ...] = ()
        self._kinds: set[type[HubEvent]] = set()

    async def start(self) -> None:
        """Subscribe to the hub."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = (
            self._hub.events.subscribe(self._note_event),
            self._hub.on_change(self._note_change),
        )
        self._task = asyncio.create_task(self._watch_pages())
        self._tick()

    async def stop(self) -> None:
        """Unsubscribe from the hub."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        for timer in (self._next_update, self._next_tick):
            if timer is not None:
                timer.cancel()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _note_event(self, event: HubEvent) -> None:
        """Record the kind of an event until the next update. Can be called from any thread."""
        kind = type(event)
        self._kinds.add(kind)
        if self._pending and not self._urgent and kind not in TEXT:
            self._plan()

    def _note_change(self) -> None:
        """Request an update. Called often and from any thread, so it must return immediately."""
        if not self._pending:
            self._pending = True
            self._plan()

    def _plan(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        """Schedule the next update. The set of kinds is not complete before now, because `_note_change` can
        run first.
        """
        assert self._loop is not None
        if not self._pending:
            return
        self._urgent = self._kinds != TEXT
        throttle = self._change_throttle if self._urgent else self._text_throttle
        if self._next_update is not None:
            self._next_update.cancel()
        self._next_update = self._loop.call_at(max(throttle.next_at, self._loop.time()), self._update)

    def _update(self) -> None:
        assert self._loop is not None
        if self._next_update is not None:
            self._next_update.cancel()
        self._pending = self._urgent = False
        now = self._loop.time()
        self._text_throttle.ran(now, now)
        snapshot, before = self._hub.snapshot(), self._last
        self._last = snapshot
        if snapshot.engine.loaded != before.engine.loaded:
            self._machine_read_at = 0.0
        kinds, self._kinds = self._kinds, set()
        if kinds == TEXT and _without_text(snapshot) == _without_text(before):
            self.text_written.emit(snapshot)
            if now >= self._tick_at - EARLY_SECONDS:
                self._tick()
            return
        self._change_throttle.ran(now, now)
        self.changed.emit(snapshot)
        if snapshot.saved_all != before.saved_all or kinds & HISTORY:
            self.history_changed.emit()
        if kinds & RESULTS:
            self.results_digested.emit()
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

    def _on_tick(self) -> None:
        due = self._tick_at
        if self._pending and self._visible_pages:
            self._update()  # ticks the clocks itself if they are due
        if self._tick_at == due:
            self._tick()

    def _tick(self) -> None:
        assert self._loop is not None
        if self._next_tick is not None:
            self._next_tick.cancel()
        self._tick_at = self._loop.time() + TICK_SECONDS
        self._next_tick = self._loop.call_at(self._tick_at, self._on_tick)
        if self._open:
            self.second_passed.emit(time.time())

    async def _watch_pages(self) -> None:
        while True:
            await asyncio.sleep(1)
            pages = [client for client in Client.instances.values() if client.has_socket_connection]
            self._open = self._hub.engine.watched = bool(pages)
            self._visible_pages = sum(client not in self.hidden_pages for client in pages)
            self._text_throttle.least = _text_pause(self._visible_pages)
            if pages and time.monotonic() - self._machine_read_at >= MACHINE_SECONDS:
                await self.refresh_machine()

    async def refresh_machine(self) -> None:
        """Read the machine's memory and update the pages."""
        self._machine_read_at = time.monotonic()
        self.machine = await asyncio.to_thread(read_machine)
        self.changed.emit(self._hub.snapshot())


def _text_pause(pages: int) -> float:
    """Return a pause that divides a clock interval evenly, so that a tick needs no frame of its own."""
    pause = TEXT_SECONDS + PAGE_SECONDS * max(0, pages - 1)
    return 1 / max(1 / CHANGE_SECONDS, int(1 / pause))


def _without_text(snapshot: Snapshot) -> Snapshot:
    running = tuple(
        replace(each, text="", characters=0, tokens=0, tokens_per_second=0.0, round=1)
        for each in snapshot.running
    )
    return replace(snapshot, taken_at=0.0, running=running)


def _models(snapshot: Snapshot) -> tuple[object, ...]:
    engine = snapshot.engine
    return engine.url, engine.installed, tuple(model.name for model in engine.loaded)
