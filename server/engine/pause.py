"""Pausing: by the user, who is heeded at once and over a restart, or by itself to give way to others.

The user's pause lies in ``pause.json`` in the state folder. Giving way is not kept: after a restart the
reason is looked at anew.
"""

import asyncio
import datetime
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from server.common.atomic_write import replace_file
from server.common.events import EventBus, PauseChanged
from server.engine.pause_gate import Closing, PauseGate

logger = logging.getLogger(__name__)


class Pause:
    """Whether offloading is paused. Every method may be called from any thread, once ``start`` has run.

    Args:
        path: where the user's pause is kept.
        events: told of every change.
        gate: closed while paused; that ends what the engine works on.
    """

    def __init__(self, path: Path, events: EventBus, gate: PauseGate) -> None:
        self._path = path
        self._events = events
        self._gate = gate
        self._lock = threading.Lock()
        self._until: float | None = None
        self._giving_way = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Take up the user's pause where the app ended during one. Call it in the event loop."""
        self._loop = asyncio.get_running_loop()
        until = _read(self._path)
        if until is not None and not 0 < until <= time.time():
            self.pause(until, "since before the restart")

    def stop(self) -> None:
        """End the timer. Call it in the event loop."""
        if self._timer is not None:
            self._timer.cancel()

    def pause(self, until: float = 0.0, reason: str = "") -> None:
        """Pause for the user until then (seconds since the epoch; 0: until ``resume``)."""
        with self._lock:
            self._until = until
        _write(self._path, until)
        self._events.publish(PauseChanged(paused=True, until=until, reason=reason))
        self._in_loop(self._apply)

    def resume(self) -> None:
        """End every pause, also one of giving way: the user knows better."""
        with self._lock:
            self._until, self._giving_way = None, ""
        _remove(self._path)
        self._tell()

    def give_way(self, reason: str) -> None:
        """Pause by itself; ``reason`` is a sentence without its full stop."""
        with self._lock:
            self._giving_way = reason
        self._tell()

    def go_on(self) -> None:
        """End giving way; a pause of the user's stays."""
        with self._lock:
            was, self._giving_way = self._giving_way, ""
        if was:
            self._tell()

    def closing(self) -> Closing | None:
        """Return why and until when work is kept out, None where it is not."""
        with self._lock:
            until, giving_way = self._until, self._giving_way
        if until is not None and not 0 < until <= time.time():
            return Closing(f"The user paused offloading {_when(until)}.", until)
        if giving_way:
            return Closing(f"Offloading gives way for now: {giving_way}.")
        return None

    def _tell(self) -> None:
        """Publish what holds now."""
        with self._lock:
            until, giving_way = self._until, self._giving_way
        if until is not None:
            self._events.publish(PauseChanged(paused=True, until=until))
        else:
            reason = f"{giving_way}. It goes on by itself." if giving_way else ""
            self._events.publish(
                PauseChanged(paused=bool(giving_way), reason=reason, giving_way=bool(giving_way))
            )
        self._in_loop(self._apply)

    def _apply(self) -> None:
        """Close or open the gate, and come back when the time is over."""
        self.stop()
        closing = self.closing()
        if closing is None:
            self._gate.open()
            return
        self._gate.close(closing)
        if closing.until and self._loop is not None:
            self._timer = self._loop.call_later(max(0.0, closing.until - time.time()), self._expire)

    def _expire(self) -> None:
        with self._lock:
            over = self._until is not None and 0 < self._until <= time.time()
            if over:
                self._until = None
        if over:
            _remove(self._path)
            self._tell()
        else:  # the clock was set back, or the timer fired a moment early
            self._apply()

    def _in_loop(self, work: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)


def _when(until: float) -> str:
    return f"until {datetime.datetime.fromtimestamp(until):%H:%M}" if until else "until resumed"  # noqa: DTZ006 - the user's clock


def _read(path: Path) -> float | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return float(kept["until"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        logger.warning("%s cannot be read; offloading is not paused", path)
        return None


def _write(path: Path, until: float) -> None:
    try:
        replace_file(path, json.dumps({"until": until}).encode() + b"\n")
    except OSError as error:
        logger.warning("the pause will not outlast a restart: %s", error)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("after a restart the pause will come back: %s", error)
