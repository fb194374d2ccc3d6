"""Savings over time by tool, model or project, and by session, for the charts."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, literal, select, union_all

from server.store import tables
from server.store.database import Database
from server.store.tables import offload
from server.store.totals import RUNNING

NEWEST = 20_000
"""Number of the newest offloads to search for sessions."""


@dataclass(frozen=True)
class SeriesPoint:
    """The totals for one ``name`` in one ``period``: a local day (``YYYY-MM-DD``) or a session id.

    Tokens and micro-dollars are as in ``Totals``. ``began`` is when a session started (seconds since the
    epoch), or 0 for a day.
    """

    period: str
    name: str
    offloads: int
    spared_tokens: int
    spent_tokens: int
    net_tokens: int
    net_microusd: int
    began: float = 0.0


class SavingsSeries:
    """Reads the series. Every method can raise ``StoreError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_day(self, dimension: str, since_day: str) -> tuple[SeriesPoint, ...]:
        """Return the totals for each local day from ``since_day`` and each ``tool``, ``model`` or
        ``project``, in day order. With an empty dimension, there is one point per day."""
        return await self._database.read(lambda connection: _by_day(connection, dimension, since_day))

    async def by_session(self, dimension: str, most: int) -> tuple[SeriesPoint, ...]:
        """Return the totals for the newest sessions, oldest first."""
        return await self._database.read(lambda connection: _by_session(connection, dimension, most))


def _by_day(connection: Connection, dimension: str, since_day: str) -> tuple[SeriesPoint, ...]:
    sums = union_all(select(tables.total), select(tables.removed)).subquery("sums")
    name = sums.c[dimension] if dimension else literal("")
    figures = ("offloads", "spared_tokens", "spent_tokens", "net_tokens", "net_microusd")
    query = (
        select(sums.c.day, name, *(func.sum(sums.c[each]) for each in figures))
        .where(sums.c.day >= since_day)
        .group_by(sums.c.day, name)
        .order_by(sums.c.day)
    )
    return tuple(SeriesPoint(*row) for row in connection.execute(query))


def _by_session(connection: Connection, dimension: str, most: int) -> tuple[SeriesPoint, ...]:
    newest = (
        select(offload.c.seq)
        .where(offload.c.outcome != RUNNING)
        .order_by(offload.c.seq.desc())
        .limit(NEWEST)
        .subquery()
    )
    floor = connection.scalar(select(func.min(newest.c.seq)))
    if floor is None:
        return ()
    inside = (offload.c.seq >= floor, offload.c.outcome != RUNNING, offload.c.session != "")
    last = connection.execute(
        select(offload.c.session, func.min(offload.c.started_at))
        .where(*inside)
        .group_by(offload.c.session)
        .order_by(func.max(offload.c.seq).desc())
        .limit(most)
    ).all()
    began: dict[str, float] = {row[0]: row[1] for row in last}
    name = offload.c[dimension] if dimension else literal("")
    query = (
        select(
            offload.c.session,
            name,
            func.count(),
            func.sum(offload.c.spared_input + offload.c.spared_output),
            func.sum(offload.c.spent_output + offload.c.spent_input + offload.c.spent_share),
            func.sum(offload.c.net_tokens),
            func.sum(offload.c.net_microusd),
        )
        .where(*inside, offload.c.session.in_(began))
        .group_by(offload.c.session, name)
    )
    points = (replace(SeriesPoint(*row), began=began[row[0]]) for row in connection.execute(query))
    return tuple(sorted(points, key=lambda each: (each.began, each.period)))
