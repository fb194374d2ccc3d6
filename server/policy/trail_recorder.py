"""Records events in the audit trail: offloads, writes, undos, connections, rule changes."""

import asyncio
import json
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from server.common.aio import BackgroundTasks
from server.common.errors import StoreError
from server.common.events import (
    BrowserLoggedIn,
    Event,
    EventBus,
    ModelChoiceChanged,
    OffloadEnded,
    OffloadUndone,
    PauseChanged,
    PolicyReloaded,
    RequestsRefused,
    SettingsChanged,
    TokenReplaced,
    TranscriptChecksSwitched,
)
from server.policy.trail import Trail, TrailEntry

logger = logging.getLogger(__name__)

DIGEST = "sha256"
IN_FORCE = "is in force"
"""Text in the rows that record a file's contents when the app starts."""
SEEN = 200
"""Number of rows searched for each file's last digest. Each row is a change."""


class TrailRecorder:
    """Records from ``start`` to ``close``. Events can come from any thread; they are written on the event
    loop's thread.
    """

    def __init__(self, trail: Trail, events: EventBus) -> None:
        self._trail = trail
        self._events = events
        self._tasks = BackgroundTasks()
        self._stop: Callable[[], None] | None = None

    async def start(self, *files: Path) -> None:
        """Record which of these files (settings, rules) have changed since the last start, then listen
        for events.
        """
        loop = asyncio.get_running_loop()
        self._stop = self._events.subscribe(lambda event: self._take(event, loop))
        seen = {}
        for record in reversed(await self._trail.search(IN_FORCE, kind="settings", limit=SEEN)):
            details = json.loads(record.details)
            seen[details.get("file")] = details.get(DIGEST)
        for file in files:
            digest = await asyncio.to_thread(_digest, file)
            if seen.get(file.name, "") != digest:
                text = f"{file.name} {IN_FORCE}{'' if file.name in seen else ' (first start)'}."
                details = {"file": file.name, DIGEST: digest}
                await self._trail.record(TrailEntry("settings", text, details=details))

    async def close(self) -> None:
        """Stop listening and write pending entries."""
        if self._stop is not None:
            self._stop()
        await asyncio.sleep(0)  # lets events begin that another thread just handed over
        await self._tasks.drain()

    def _take(self, event: Event, loop: asyncio.AbstractEventLoop) -> None:
        entry = entry_of(event)
        if entry is not None:
            loop.call_soon_threadsafe(self._begin, entry)

    def _begin(self, entry: TrailEntry) -> None:
        self._tasks.start(self._write(entry))

    async def _write(self, entry: TrailEntry) -> None:
        try:
            await self._trail.record(entry)
        except StoreError as error:
            logger.error("the audit trail missed %s: %s", entry.kind, error)


def entry_of(event: Event) -> TrailEntry | None:
    """Return the trail entry for an event; None for events that are not recorded."""
    entry: TrailEntry | None = None
    match event:
        case OffloadEnded():
            kind = "write" if event.outcome == "delivered" else "offload"
            details = {"offload": event.offload_id}
            entry = TrailEntry(kind, event.summary, verdict=event.outcome, details=details)
        case OffloadUndone():
            details = {"offload": event.offload_id}
            entry = TrailEntry("undo", event.text, details=details)
        case RequestsRefused():
            entry = _refused(event)
        case BrowserLoggedIn():
            entry = TrailEntry("connection", "A browser logged in to the dashboard.", client="browser")
        case TokenReplaced():
            entry = TrailEntry("settings", "The token was replaced. The old token is no longer valid.")
        case SettingsChanged():
            values = f" from {event.before} to {event.after}" if event.before != event.after else ""
            entry = TrailEntry("settings", f"{event.name} was changed{values} in {event.where}.")
        case ModelChoiceChanged():
            entry = TrailEntry("settings", event.text)
        case PauseChanged():
            text = event.reason or ("Offloading was paused." if event.paused else "Offloading was resumed.")
            entry = TrailEntry("pause", text, verdict="paused" if event.paused else "resumed")
        case TranscriptChecksSwitched():
            switched = "on" if event.on else "off"
            entry = TrailEntry("settings", f"The check of the client's transcripts was switched {switched}.")
        case PolicyReloaded():
            text = event.error or f"{event.path} is in force."
            entry = TrailEntry("policy", text, verdict="broken" if event.error else "loaded")
    return entry


def _refused(event: RequestsRefused) -> TrailEntry:
    which, was = (
        (f"A request to {event.path}", "was") if event.path else (f"{event.count} more requests", "were")
    )
    text = f"{which} from {event.source or 'nowhere'} {was} refused: {event.reason}."
    details = {"source": event.source, "path": event.path, "count": event.count}
    return TrailEntry("connection", text, verdict="refused", details=details)


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
