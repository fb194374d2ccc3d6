"""Writes what happens into the audit trail: writes, undos, pauses, changes of policy and settings."""

import asyncio
import json
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from server.errors import StoreError
from server.events import (
    AuditSwitched,
    Event,
    EventBus,
    OffloadEnded,
    OffloadUndone,
    PauseChanged,
    PolicyReloaded,
)
from server.policy.trail import Entry, Trail

logger = logging.getLogger(__name__)


class Recorder:
    """Listens from ``start`` to ``close``. Events come from any thread and are written in the loop's."""

    def __init__(self, trail: Trail, events: EventBus) -> None:
        self._trail = trail
        self._events = events
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop: Callable[[], None] | None = None

    async def start(self, config_file: Path) -> None:
        """Record a change of the settings since the last start, then all that happens."""
        loop = asyncio.get_running_loop()
        self._stop = self._events.subscribe(lambda event: self._take(event, loop))
        digest = await asyncio.to_thread(_digest, config_file)
        last = await self._trail.search(kind="settings", limit=1)
        if not last or json.loads(last[0].details).get("digest") != digest:
            text = f"{config_file.name} is in force{'' if last else ' as first seen'}."
            await self._trail.record(Entry("settings", text, details={"digest": digest}))

    async def close(self) -> None:
        """Stop listening, and write what is still to be written."""
        if self._stop is not None:
            self._stop()
        await asyncio.sleep(0)  # lets what another thread just handed over begin
        await asyncio.gather(*self._tasks)

    def _take(self, event: Event, loop: asyncio.AbstractEventLoop) -> None:
        entry = entry_of(event)
        if entry is not None:
            loop.call_soon_threadsafe(self._begin, entry)

    def _begin(self, entry: Entry) -> None:
        task = asyncio.create_task(self._write(entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, entry: Entry) -> None:
        try:
            await self._trail.record(entry)
        except StoreError as error:
            logger.error("the audit trail missed %s: %s", entry.kind, error)


def entry_of(event: Event) -> Entry | None:
    """Return what the trail keeps of an event, None where it keeps nothing."""
    match event:
        case OffloadEnded(outcome="delivered"):
            return Entry("write", event.summary, verdict="delivered", details={"offload": event.offload_id})
        case OffloadUndone():
            return Entry(
                "undo", "The bytes from before were put back.", details={"offload": event.offload_id}
            )
        case PauseChanged():
            text = event.reason or ("Offloading was paused." if event.paused else "Offloading goes on.")
            return Entry("pause", text, verdict="paused" if event.paused else "resumed")
        case AuditSwitched():
            switched = "on" if event.on else "off"
            return Entry("settings", f"The audit of the client's transcripts was switched {switched}.")
        case PolicyReloaded():
            text = event.error or f"{event.path} is in force."
            return Entry("policy", text, verdict="broken" if event.error else "loaded")
    return None


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
