"""Pauses, either by the user (immediate and surviving restarts) or by the app to yield to another program.

The user's pause is stored in ``pause.json`` in the state folder. The app's own pause is not stored, because
its reason is checked again after a restart. ``gpu/yielding.py`` decides when another program needs the GPU.
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
from server.engine.pause_gate import PauseGate, PauseReason

logger = logging.getLogger(__name__)


class Pause:
    """Whether offloading is paused. After ``start``, any thread can call every method.

    Args:
        path: file that stores the user's pause.
        events: receives every change.
        gate: closed while paused, which aborts the engine's running work.
    """

    def __init__(self, path: Path, events: EventBus, gate: PauseGate) -> None:
        self._path = path
        self._events = events
        self._gate = gate
        self._lock = threading.Lock()
        self._until: float | None = None
        self._finish = False
        self._giving_way = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Restore the user's pause after a restart. Call this from the event loop."""
        self._loop = asyncio.get_running_loop()
        until = _read(self._path)
        if until is not None and not 0 < until <= time.time():
            self.pause(until, "since before the restart")

    def stop(self) -> None:
        """Cancel the timer. Call this from the event loop."""
        if self._timer is not None:
            self._timer.cancel()

    def pause(self, until: float = 0.0, reason: str = "", *, finish: bool = False) -> None:
        """Pause on the user's behalf until ``until`` (seconds since the epoch; 0: until ``resume``). With
        ``finish``, running work is allowed to finish; otherwise it is aborted immediately.
        """
        with self._lock:
            self._until, self._finish = until, finish
        _write(self._path, until)
        self._events.publish(PauseChanged(paused=True, until=until, reason=reason))
        self._in_loop(self._apply)

    def resume(self) -> None:
        """End any pause. The user's decision also overrides a pause by the app."""
        with self._lock:
            self._until, self._giving_way = None, ""
        _remove(self._path)
        self._publish()

    def give_way(self, reason: str) -> None:
        """Pause to yield to another program. ``reason`` is a sentence without its full stop."""
        with self._lock:
            self._giving_way = reason
        self._publish()

    def go_on(self) -> None:
        """End the pause for another program. A pause by the user stays in effect."""
        with self._lock:
            was, self._giving_way = self._giving_way, ""
        if was:
            self._publish()

    def reason(self) -> PauseReason | None:
        """Return why and until when offloading is paused; None if it is not."""
        with self._lock:
            until, giving_way = self._until, self._giving_way
        if until is not None and not 0 < until <= time.time():
            return PauseReason(f"The user paused offloading {_when(until)}.", until)
        if giving_way:
            return PauseReason(f"Offloading is paused for another program: {giving_way}.")
        return None

    def _publish(self) -> None:
        """Publish the current state and apply it to the gate."""
        with self._lock:
            until, giving_way = self._until, self._giving_way
        if until is not None:
            self._events.publish(PauseChanged(paused=True, until=until))
        else:
            reason = f"{giving_way}. Work resumes automatically." if giving_way else ""
            self._events.publish(
                PauseChanged(paused=bool(giving_way), reason=reason, giving_way=bool(giving_way))
            )
        self._in_loop(self._apply)

    def _apply(self) -> None:
        """Close or open the gate, and set the timer that ends a timed pause."""
        self.stop()
        reason = self.reason()
        if reason is None:
            self._gate.open()
            return
        if self._finish and not self._giving_way:
            # No new work begins, because tools and batches ask for ``reason`` first. Work already begun needs
            # the open gate.
            self._gate.open()
        else:
            self._gate.close(reason)
        if reason.until and self._loop is not None:
            self._timer = self._loop.call_later(max(0.0, reason.until - time.time()), self._expire)

    def _expire(self) -> None:
        with self._lock:
            over = self._until is not None and 0 < self._until <= time.time()
            if over:
                self._until = None
        if over:
            _remove(self._path)
            self._publish()
        else:  # the clock was set back, or the timer fired early
            self._apply()

    def _in_loop(self, work: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)


def _when(until: float) -> str:
    return f"until {datetime.datetime.fromtimestamp(until):%H:%M}" if until else "until resumed"  # noqa: DTZ006 - the user's clock


def _read(path: Path) -> float | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return float(stored["until"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        logger.warning("%s cannot be read; offloading is not paused", path)
        return None


def _write(path: Path, until: float) -> None:
    try:
        replace_file(path, json.dumps({"until": until}).encode() + b"\n")
    except OSError as error:
        logger.warning("the pause will not survive a restart: %s", error)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("the pause will return after a restart: %s", error)
