"""The hub: composes the parts from the settings, starts and stops them, and shows them as one picture.

Everything but ``snapshot``, ``on_change``, ``submit``, ``request_quit`` and ``login_link`` belongs to the
hub's event loop; those may be called from any thread.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from server.batch.cost import CallCosts
from server.batch.service import BatchService
from server.bridge.keys import Keys
from server.common.aio import cancel_and_wait
from server.common.distribution import installed_version
from server.common.errors import HubUnreachable, StoreError
from server.common.events import (
    Event,
    EventBus,
    SettingsChanged,
    TranscriptCheckEnded,
    TranscriptChecksSwitched,
)
from server.config.folders import Folders
from server.config.settings import Settings, load_settings
from server.config.settings_file import set_setting
from server.digests.compress.cache import DigestCache
from server.digests.compress.compress import Compressor
from server.engine.engine import Engine
from server.engine.pause import Pause
from server.engine.pause_gate import paused
from server.ledger.metrics import Metrics
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.models.measure import Measuring, ReportMeasure
from server.models.memory_gate import MemoryGate
from server.models.selector import Selector
from server.models.yielding import YieldMonitor
from server.offload.pipeline import Offloader
from server.policy.approvals import ApprovalAnswer, Approvals
from server.policy.gate import Gate
from server.policy.rules.policy_file import PolicyFile
from server.policy.trail import Trail, TrailEntry
from server.policy.trail_recorder import TrailRecorder
from server.policy.values import Call, Item
from server.state.activity import ActivityTracker
from server.state.pruning import Pruner
from server.state.snapshot import PendingApproval, Snapshot
from server.state.totals import TotalsUpdater
from server.store.history import History
from server.store.jobs import Jobs
from server.store.measurements import MeasurementRecord, Measurements
from server.store.records import Totals

logger = logging.getLogger(__name__)
T = TypeVar("T")

VERSION = installed_version()
AUDIT_SECONDS = 300.0
AT_ONCE = ("appearance", "roots", "checks")  # the settings that hold as soon as they are changed


class Hub:
    """One per user: the queue, the engine, the history and the policy, for every client."""

    history: History
    transcript_check: TranscriptCheck
    _recorder: TrailRecorder
    gate: Gate
    measuring: Measuring
    offloader: Offloader
    compressor: Compressor
    batches: BatchService

    def __init__(self, settings: Settings, folders: Folders) -> None:
        self.settings = settings
        self.folders = folders
        self.version = VERSION
        self.events = EventBus()
        self.engine = Engine(settings, folders, self.events)
        self._pause = Pause(folders.state / "pause.json", self.events, self.engine.gate)
        self.selector = Selector(folders)
        self.engine.is_blocked = self.selector.is_blocked
        self.memory = MemoryGate(settings.backend, folders)
        self.engine.admission = self.memory
        self.ledger = Ledger(settings.ledger, load_prices(folders.prices_file), 0)
        self.metrics = Metrics()
        self.keys: Keys | None = None
        self._live = ActivityTracker(self.version, self.engine.view)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._totals: TotalsUpdater | None = None
        self._pruner: Pruner | None = None
        self._transcript_checker: asyncio.Task[None] | None = None
        self._yielder: asyncio.Task[None] | None = None
        self._transcript_check_wanted = asyncio.Event()
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._quit = threading.Event()
        self._on_quit: tuple[Callable[[], None], ...] = ()

    async def start(self) -> None:
        """Open the history and look for an engine.

        Raises:
            StoreError: the history cannot be opened.
            OSError: the folders cannot be made.
        """
        self._loop = asyncio.get_running_loop()
        self.folders.create()
        self.history = await History.open(self.folders.database, self.settings.history.contents)
        if self.history.notice:
            logger.warning("%s", self.history.notice)
        self.history.on_finish(self.metrics.observe)
        self.measuring = Measuring(self.engine, Measurements(self.history.database), self.events)
        self.transcript_check = TranscriptCheck(self.settings.savings, self.history.database, self.ledger)
        self.offloader = Offloader(
            self.settings, self.engine, self.history, self.ledger, self.events, self.folders
        )
        # Quotes in a digest are content as well.
        cache = DigestCache(self.folders.cache / "digests") if self.history.contents else None
        self.compressor = Compressor(
            self.offloader, self.engine, self.ledger, cache, allow_losing=self.settings.offload.allow_losing
        )
        jobs = Jobs(self.history.database, self.settings.history.contents)
        self.batches = BatchService(
            limits=self.settings.batch,
            engine=self.engine,
            offloader=self.offloader,
            jobs=jobs,
            history=self.history,
            bills=CallCosts(self.history, self.ledger),
            events=self.events,
            denies=self._denies,
            is_paused=lambda: self._live.paused_until is not None,
        )
        trail = Trail(self.history.database, self.folders.state / "trail.head")
        self.gate = Gate(
            PolicyFile(self.folders, self.events), Approvals(self.events), trail, self.history.database
        )
        await trail.open()
        self._recorder = TrailRecorder(trail, self.events)
        await self._recorder.start(self.folders.config_file, self.folders.policy_file, self.selector.path)
        await trail.prune(self.settings.policy.trail_days)
        self.events.subscribe(self._record)
        self._pause.start()
        self._totals = TotalsUpdater(self.history, self._show_totals)
        await self._totals.start()
        self._pruner = Pruner(self.history, jobs, self.settings.history.days)
        self._pruner.start()
        self._transcript_checker = asyncio.create_task(self._check_transcripts_repeatedly())
        monitor = YieldMonitor(self.settings.yielding, self.engine, self.give_way, self.go_on)
        self._yielder = asyncio.create_task(monitor.watch())
        for path in await self.offloader.start():
            logger.warning("took back what a crash left in %s", path)
            await trail.record(
                TrailEntry("undo", f"{path} was put back: the app ended before its check did.")
            )
        await self.memory.start()
        await self.engine.start()
        await self.batches.start()

    async def close(self) -> None:
        """End what runs, the engine's child processes and the history, in this order. A hub that failed to
        start is closed as far as it came."""
        for part in (self._totals, self._pruner):
            if part is not None:
                await part.close()
        await cancel_and_wait(self._transcript_checker, self._yielder)
        self._pause.stop()
        await self.end_work()
        await self.engine.close()
        if hasattr(self, "_recorder"):
            await self._recorder.close()
            await self.gate.close()
            await self.gate.trail.close()
        if hasattr(self, "history"):
            await self.history.close()

    async def end_work(self) -> None:
        """Cancel what runs and record it so; a batch goes on when the hub runs again."""
        if hasattr(self, "offloader"):
            await self.batches.close()
            await self.offloader.close()

    def snapshot(self) -> Snapshot:
        """Return the picture of this moment; no I/O, from any thread."""
        return dataclasses.replace(self._live.snapshot(), approvals=self._approvals())

    async def current_snapshot(self) -> Snapshot:
        """Return an up-to-date snapshot; use this for one-off requests.

        Raises:
            StoreError: the history cannot be read.
        """
        if self._totals is not None:
            await self._totals.ensure_current()
        return self.snapshot()

    def answer_approval(self, approval_id: str, answer: ApprovalAnswer) -> bool:
        """Answer a call that waits, from any thread; False if somebody else was first."""
        return self.gate.approvals.answer(approval_id, answer)

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` whenever the snapshot may have changed; the function returned ends that.

        It is called in the thread where the change happened, often many times a second while a model
        writes: it must return at once.
        """
        self._listeners = (*self._listeners, listener)

        def forget() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

        return forget

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Run ``coroutine`` on the hub's loop, from another thread."""
        if self._loop is None or self._loop.is_closed():
            coroutine.close()
            raise HubUnreachable("The hub is not running.", "Start token-saver again.")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def pause(self, until: float = 0.0, reason: str = "") -> None:
        """Take on no more work until then (seconds since the epoch; 0: until ``resume``), and end at once
        what the engine works on; items of batches wait and are begun anew. It outlasts a restart. From any
        thread."""
        self._pause.pause(until, reason)

    def resume(self) -> None:
        """Take on work again. From any thread."""
        self._pause.resume()

    def give_way(self, reason: str) -> None:
        """Pause by itself, until ``go_on``; ``reason`` is a sentence without its full stop."""
        self._pause.give_way(reason)

    def go_on(self) -> None:
        """End giving way; a pause of the user's stays."""
        self._pause.go_on()

    async def measure(
        self, model: str | None = None, report: ReportMeasure | None = None
    ) -> MeasurementRecord:
        """Measure a model (None: the one in use) and keep what was found: a minute or some.

        For a button: ``await hub.measure(name)`` returns the figures or raises a ``TokenSaverError`` to show;
        ``hub.measuring.running`` names the model under way (empty for none; a second call waits its turn),
        ``hub.measuring.cancel()`` ends it, and the call gets ``CancelledError``. How far it is, is published
        as ``MeasureProgress`` and is in the snapshot's ``activities`` with phase ``measure``, ``completed``
        of ``total`` steps. What is known of all models is read with
        ``gather_evidence(hub.measuring.measurements, category)``.

        Raises:
            TokenSaverError: as ``Measuring.measure``.
        """
        return await self.measuring.measure(model, report)

    def check_paused(self) -> None:
        """Let a call pass.

        Raises:
            Paused: offloading is paused.
        """
        if (reason := self._pause.reason()) is not None:
            raise paused(reason)

    async def change_setting(self, section: str, key: str, value: object) -> None:
        """Write a setting into ``config.toml``; ``section`` is empty for the top, None takes it out.
        Those in ``AT_ONCE`` hold when it returns, the others when the app starts again.

        Raises:
            SettingsError: ``config.toml`` cannot be changed, or the value is bad; then nothing has.
        """
        await asyncio.to_thread(set_setting, self.folders, section, key, value)
        if (section or key) in AT_ONCE:
            fresh = await asyncio.to_thread(load_settings, self.folders)
            self.settings = self.settings.model_copy(update={name: getattr(fresh, name) for name in AT_ONCE})
            self.offloader.use_checks(self.settings.checks)
        self.events.publish(SettingsChanged(f"{section}.{key}".lstrip(".")))

    async def switch_transcript_check(self, *, on: bool) -> None:
        """Switch the transcript check on or off and keep the setting.

        Raises:
            SettingsError: ``config.toml`` cannot be changed; then nothing has.
        """
        await asyncio.to_thread(set_setting, self.folders, "savings", "audit", on)
        savings = self.settings.savings.model_copy(update={"audit": on})
        self.settings = self.settings.model_copy(update={"savings": savings})
        self.transcript_check.settings = savings
        self._transcript_check_wanted.set()
        self.events.publish(TranscriptChecksSwitched(on))

    def login_link(self) -> str:
        """Return an address that logs one browser in to the dashboard, once."""
        url = self._live.url
        return f"{url}/login?code={self.keys.new_code()}" if self.keys is not None else url

    def serve_at(self, url: str, keys: Keys) -> None:
        """Take note of where the hub is reached and what opens it."""
        self._live.url = url
        self.keys = keys

    def request_quit(self) -> None:
        """Ask the process to end."""
        self._quit.set()
        for listener in self._on_quit:
            listener()

    def on_quit(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when the process is asked to end; a tray stops its loop there."""
        self._on_quit = (*self._on_quit, listener)
        if self._quit.is_set():
            listener()

    def wait_for_quit(self) -> None:
        """Block until ``request_quit``."""
        # A timeout, because on Windows a lock waited for without one holds back Ctrl-C.
        while not self._quit.wait(0.5):
            pass

    async def _denies(self, call: Call, item: Item) -> str:
        return await self.gate.denies_item(call, item)

    def _approvals(self) -> tuple[PendingApproval, ...]:
        pending = self.gate.approvals.pending() if hasattr(self, "gate") else ()
        return tuple(
            PendingApproval(
                id=each.id,
                tool=each.call.tool,
                client=each.call.client,
                project=each.call.project,
                reason=each.reason,
                files=each.call.files,
                paths=each.call.paths,
                deadline=each.deadline,
            )
            for each in pending
        )

    def _record(self, event: Event) -> None:
        self._live.record(event)
        if self._totals is not None:
            self._totals.observe(event)
        self._tell_listeners()

    def _show_totals(self, today: Totals, everything: Totals) -> None:
        self._live.set_totals(today, everything)
        self._tell_listeners()

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                logger.exception("a listener of the hub failed")

    async def _check_transcripts_repeatedly(self) -> None:
        """Read what is new in the transcripts every few minutes, and at once when the user agrees."""
        while True:
            self._transcript_check_wanted.clear()
            try:
                if (files := await self.transcript_check.run()) and self._totals is not None:
                    self._totals.refresh_soon()
                    self.events.publish(TranscriptCheckEnded(files))
            except StoreError:
                logger.exception("the transcript check failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AUDIT_SECONDS):
                    await self._transcript_check_wanted.wait()
