"""Rate limit counters, kept in the store so that they survive a restart.

All steps run inside one write transaction of ``store.Database``. Write transactions run one at a time, so
reading a counter, deciding and reserving cannot interleave, and a limit of N never admits N+1 calls. A call
interrupted by a crash stays counted.

The library ``limits`` is not used: it cannot return a reservation to a window and has no SQLite storage.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from server.policy.rules.evaluate import ReadCounter
from server.policy.values import Reservation, Window
from server.store.policy_tables import counter

KEPT_SECONDS = 86400
"""How long to keep a window's counter after it ends, so that it is still there if the clock is set back."""


def counter_reader(connection: Connection) -> ReadCounter:
    """Return a function that reads counters within this transaction."""

    def read(key: str, window: Window, window_start: int) -> float:
        found = connection.scalar(_READ, _named(key, window, window_start))
        return float(found or 0.0)

    return read


def reserve(connection: Connection, reservations: Iterable[Reservation], now: float) -> None:
    """Add the amounts to their counters, and delete windows that ended long ago."""
    taken = False
    for each in reservations:
        named = _named(each.key, each.window, each.window_start)
        connection.execute(_ADD, {**named, "amount": each.amount})
        taken = True
    if taken:
        connection.execute(_FORGET, {"before": now - KEPT_SECONDS})


def roll_back(connection: Connection, reservations: Iterable[Reservation]) -> None:
    """Subtract the amounts for a failed call, because failed calls do not count."""
    for each in reservations:
        named = _named(each.key, each.window, each.window_start)
        connection.execute(_TAKE_BACK, {**named, "amount": each.amount})


def _named(key: str, window: Window, window_start: int) -> dict[str, object]:
    return {"in_key": key, "in_seconds": window.seconds, "in_start": window_start}


# Built once: building a statement takes as long as running it, and every call runs several statements.
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
