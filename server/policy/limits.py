"""The counters behind rate limits, in the store: what was counted survives a restart.

All of it runs inside one writing transaction of ``store.Database``, which are one at a time: reading a
counter, deciding and reserving cannot be interleaved, so that a limit of N never lets N+1 through. A call
that is cut off by a crash stays counted.

The library ``limits`` counts too, but cannot take a reservation back from a window and keeps nothing in
SQLite; hence these few lines.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from server.policy.rules.evaluate import ReadCounter
from server.policy.values import Reservation, Window
from server.store.policy_tables import counter

KEPT_SECONDS = 86400
"""How long the counter of a window that has ended is kept: a clock that is set back finds it again."""


def counter_reader(connection: Connection) -> ReadCounter:
    """Return a function that reads counters in this transaction."""

    def read(key: str, window: Window, window_start: int) -> float:
        found = connection.scalar(_READ, _named(key, window, window_start))
        return float(found or 0.0)

    return read


def reserve(connection: Connection, reservations: Iterable[Reservation], now: float) -> None:
    """Add the amounts to their counters, and forget windows that ended long ago."""
    taken = False
    for each in reservations:
        named = _named(each.key, each.window, each.window_start)
        connection.execute(_ADD, {**named, "amount": each.amount})
        taken = True
    if taken:
        connection.execute(_FORGET, {"before": now - KEPT_SECONDS})


def roll_back(connection: Connection, reservations: Iterable[Reservation]) -> None:
    """Take the amounts back: the call failed, it shall not count."""
    for each in reservations:
        named = _named(each.key, each.window, each.window_start)
        connection.execute(_TAKE_BACK, {**named, "amount": each.amount})


def _named(key: str, window: Window, window_start: int) -> dict[str, object]:
    return {"in_key": key, "in_seconds": window.seconds, "in_start": window_start}


# Built once: to build a statement takes as long as to run it, and every call runs some.
_THIS = (
    counter.c.key == bindparam("in_key"),
    counter.c.window_seconds == bindparam("in_seconds"),
    counter.c.window_start == bindparam("in_start"),
)
_READ = select(counter.c.value).where(*_THIS)
_ADD = (
    insert(counter)
    .values(
        key=bindparam("in_key"),
        window_seconds=bindparam("in_seconds"),
        window_start=bindparam("in_start"),
        value=bindparam("amount"),
    )
    .on_conflict_do_update(
        index_elements=["key", "window_seconds", "window_start"],
        set_={"value": counter.c.value + bindparam("amount")},
    )
)
_FORGET = delete(counter).where(counter.c.window_start + counter.c.window_seconds < bindparam("before"))
_TAKE_BACK = update(counter).where(*_THIS).values(value=counter.c.value - bindparam("amount"))
