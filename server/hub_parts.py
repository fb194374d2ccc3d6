"""The hub's parts, assembled from the settings and started in order."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import Self

from server.batch.cost import CallCosts
from server.batch.service import BatchService
from server.bridge.keys import Keys
from server.common.aio import cancel_and_wait
from server.common.distribution import installed_version
from server.common.events import Event, EventBus
from server.common.signals import Listeners, QuitSignal
from server.config.folders import Folders
from server.config.settings import Settings
from server.digests.compress.cache import DigestCache
from server.digests.compress.compress import Compressor
from server.digests.kept import KeptTexts
from server.engine.engine import Engine
from server.engine.pause import Pause
from server.gpu.memory_gate import MemoryGate
from server.gpu.yielding import YieldMonitor
from server.ledger.holdout import Holdout
from server.ledger.metrics import Metrics
from server.ledger.prices import load_prices
from server.ledger.quota import QuotaFile
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.ledger.transcripts.check_loop import TranscriptCheckLoop
from server.models.measure import Measuring
from server.models.selector import Selector
from server.offload.checks.places import CheckPlaces
from server.offload.pipeline import Offloader
from server.policy.approvals import Approvals
from server.policy.gate import Gate
from server.policy.rules.policy_file import PolicyFile
from server.policy.trail import Trail, TrailEntry
from server.policy.trail_recorder import TrailRecorder
from server.state.activity import ActivityTracker
from server.state.pruning import Pruner
from server.state.totals import TotalsUpdater
from server.store.history import History
from server.store.jobs import Jobs
from server.store.measurements import Measurements
from server.store.records import Totals
from server.store.result_digests import ResultDigests
from server.tool_results.digester import ResultDigester

logger = logging.getLogger(__name__)

VERSION = installed_version()


@dataclass(kw_only=True, eq=False, repr=False)
class HubParts:
    """The parts of a hub. ``settings`` holds the settings in effect."""

    settings: Settings
    folders: Folders
    keys: Keys | None
    events: EventBus
    engine: Engine
    selector: Selector
    memory: MemoryGate
    ledger: Ledger
    holdout: Holdout
    quota: QuotaFile
    metrics: Metrics
    history: History
    measuring: Measuring
    transcript_check: TranscriptCheck
    gate: Gate
    offloader: Offloader
    compressor: Compressor
    batches: BatchService
    result_digester: ResultDigester
    _activity: ActivityTracker
    _totals: TotalsUpdater
    _checks: TranscriptCheckLoop
    _monitor: YieldMonitor
    _pruner: Pruner
    _pause: Pause
    _listeners: Listeners
    _quit: QuitSignal
    _loop: asyncio.AbstractEventLoop
    _closing: contextlib.AsyncExitStack
    # Held while settings are written, loaded and put into effect, so that the newest ones stay in effect.
    _changing_settings: asyncio.Lock = field(default_factory=asyncio.Lock)
    _written: Settings | None = None
    """The settings as last written by this app; None before the first change."""
    version: str = VERSION

    def __post_init__(self) -> None:
        """Disable digests in held-out sessions."""
        self.result_digester.is_silent = self.holdout.is_silent

    @classmethod
    async def start(
        cls, settings: Settings, folders: Folders, url: str = "", keys: Keys | None = None
    ) -> Self:
        """Start all parts and return the hub, which the caller closes; see ``open_hub``.

        If a part fails to start, those already started are closed.
        """
        closing = contextlib.AsyncExitStack()
        try:
            return await cls._start(settings, folders, url, keys, closing)
        except BaseException:
            await closing.aclose()
            raise

    @classmethod
    async def _start(
        cls,
        settings: Settings,
        folders: Folders,
        url: str,
        keys: Keys | None,
        closing: contextlib.AsyncExitStack,
    ) -> Self:
        """Assemble and start the parts in order. They are shut down in reverse, by ``closing``."""
        _create_files(settings, folders)
        events, listeners, metrics = EventBus(), Listeners(), Metrics()
        history = await History.open(folders.database, settings.history.contents)
        closing.push_async_callback(history.close)
        if history.notice:
            logger.warning("%s", history.notice)
        history.on_finish(metrics.observe)
        ledger = Ledger(settings.ledger, load_prices(folders.prices_file), 0)

        engine = Engine(settings, folders, events)
        selector, memory = Selector(folders), MemoryGate(settings.backend, folders)
        engine.is_blocked, engine.admission = selector.is_blocked, memory

        gate = await _start_policy(settings, folders, events, history, closing)
        closing.push_async_callback(engine.close)
        offloader = Offloader(settings, engine, history, ledger, events, folders)
        closing.push_async_callback(offloader.close)
        # Answers and kept text are contents as well.
        cache = DigestCache(folders.cache / "digests") if history.contents else None
        kept = KeptTexts(folders.kept_texts, known=_secrets(keys)) if history.contents else None
        compressor = Compressor(
            offloader, engine, ledger, cache, kept, allow_losing=settings.offload.allow_losing
        )
        digester = ResultDigester(
            ResultDigests(history.database, settings.history.contents),
            folders.kept_texts,
            ledger,
            lambda: _secrets(keys),
            events.publish,
        )
        activity = ActivityTracker(VERSION, engine.view, url)
        jobs = Jobs(history.database, settings.history.contents)
        batches = BatchService(
            limits=settings.batch,
            engine=engine,
            offloader=offloader,
            jobs=jobs,
            history=history,
            costs=CallCosts(history, ledger),
            events=events,
            denies=gate.denies_item,
            is_paused=lambda: activity.paused_until is not None,
        )
        closing.push_async_callback(batches.close)

        def show_totals(today: Totals, everything: Totals) -> None:
            activity.set_totals(today, everything)
            listeners.notify()

        totals = TotalsUpdater(history, show_totals)

        def record(event: Event) -> None:
            activity.record(event)
            totals.observe(event)
            listeners.notify()

        events.subscribe(record)
        pause = Pause(folders.state / "pause.json", events, engine.gate)
        closing.callback(pause.stop)
        pause.start()
        closing.push_async_callback(totals.close)
        await totals.start()
        pruner = Pruner(history, jobs, digester.digests, settings.history.days)
        closing.push_async_callback(pruner.close)
        pruner.start()
        transcript_check = TranscriptCheck(settings.savings, history.database, ledger)
        checks = TranscriptCheckLoop(transcript_check, events, totals.refresh_soon)
        monitor = YieldMonitor(settings.yielding, engine, pause.give_way, pause.go_on)
        loops = map(asyncio.create_task, (checks.run(), monitor.watch(), digester.prepare()))
        closing.push_async_callback(cancel_and_wait, *loops)

        await _undo_after_crash(offloader, gate.trail)
        await memory.start()
        await engine.start()
        await batches.start()
        return cls(
            settings=settings,
            folders=folders,
            keys=keys,
            events=events,
            engine=engine,
            selector=selector,
            memory=memory,
            ledger=ledger,
            holdout=Holdout(settings.savings.holdout, history.database, folders.state),
            quota=QuotaFile(folders.state),
            metrics=metrics,
            history=history,
            measuring=Measuring(engine, Measurements(history.database), events),
            transcript_check=transcript_check,
            gate=gate,
            offloader=offloader,
            compressor=compressor,
            batches=batches,
            result_digester=digester,
            _activity=activity,
            _totals=totals,
            _checks=checks,
            _monitor=monitor,
            _pruner=pruner,
            _pause=pause,
            _listeners=listeners,
            _quit=QuitSignal(),
            _loop=asyncio.get_running_loop(),
            _closing=closing,
        )


def _secrets(keys: Keys | None) -> tuple[str, ...]:
    return keys.tokens if keys is not None else ()


def _create_files(settings: Settings, folders: Folders) -> None:
    folders.create()
    CheckPlaces(folders.check_places).start(settings.checks, is_new=not folders.database.exists())


async def _start_policy(
    settings: Settings,
    folders: Folders,
    events: EventBus,
    history: History,
    closing: contextlib.AsyncExitStack,
) -> Gate:
    trail = Trail(history.database, folders.state / "trail.head")
    gate = Gate(PolicyFile(folders, events), Approvals(events), trail, history.database)
    await trail.open()
    closing.push_async_callback(trail.close)
    closing.push_async_callback(gate.close)
    recorder = TrailRecorder(trail, events)
    closing.push_async_callback(recorder.close)
    await recorder.start(folders.config_file, folders.policy_file, Selector(folders).path)
    await trail.prune(settings.policy.trail_days)
    return gate


async def _undo_after_crash(offloader: Offloader, trail: Trail) -> None:
    """Restore files that a crash left modified before they had passed their check."""
    for path in await offloader.start():
        logger.warning("restored %s, which a crash had left changed", path)
        await trail.record(
            TrailEntry("undo", f"{path} was restored, because the app ended before the file was checked.")
        )
