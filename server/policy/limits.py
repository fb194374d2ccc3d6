"""The counters behind rate limits, in the store: what was counted survives a restart.

All of it runs inside one writing transaction of ``store.Database``, which are one at a time: reading a
counter, deciding and reserving cannot be interleaved, so that a limit of N never lets N+1 through. A call
that is cut off by a crash stays counted.

The library ``limits`` counts too, but cannot take a reservation back from a window and keeps nothing in
SQLite; hence these few lines.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from server.policy.evaluate import ReadCounter
from server.policy.values import Reservation, Window
from server.store.policy_tables import counter

KEPT_SECONDS = 86400
"""How long the counter of a window that has ended is kept: a clock that is set back finds it again."""


def counter_reader(connection: Connection) -> ReadCounter:
    """Return a function that reads counters in this transaction."""

    def read(key: str, window: Window, window_start: int) -> float:
        found = select(counter.c.value).where(
            counter.c.key == key,
            counter.c.window_seconds == window.seconds,
            counter.c.window_start == window_start,
        )
        return float(connection.scalar(found) or 0.0)

    return read


def reserve(connection: Connection, reservations: Iterable[Reservation], now: float) -> None:
    """Add the amounts to their counters, and forget windows that ended long ago."""
    taken = False
    for reservation in reservations:
        row = insert(counter).values(
            key=reservation.key,
            window_seconds=reservation.window.seconds,
            window_start=reservation.window_start,
            value=reservation.amount,
        )
        added = {"value": counter.c.value + reservation.amount}
        connection.execute(
            row.on_conflict_do_update(index_elements=["key", "window_seconds", "window_start"], set_=added)
        )
        taken = True
    if taken:
        ended = counter.c.window_start + counter.c.window_seconds < now - KEPT_SECONDS
        connection.execute(delete(counter).where(ended))


def roll_back(connection: Connection, reservations: Iterable[Reservation]) -> None:
    """Take the amounts back: the call failed, it shall not count."""
    for reservation in reservations:
        connection.execute(
            update(counter)
            .where(
                counter.c.key == reservation.key,
                counter.c.window_seconds == reservation.window.seconds,
                counter.c.window_start == reservation.window_start,
            )
            .values(value=counter.c.value - reservation.amount)
        )
