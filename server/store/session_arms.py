"""Which group of a measured comparison each session belongs to: with the app, or held out."""

from collections.abc import Mapping

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from server.store.tables import session_arm


def read_arm(connection: Connection, session: str) -> bool | None:
    """Return whether a session is held out; None if it is not part of a comparison."""
    return connection.scalar(select(session_arm.c.held_out).where(session_arm.c.session == session))


def write_arm(connection: Connection, session: str, at: float, *, held_out: bool) -> None:
    """Record a session's group. Only the first record counts. ``at`` is in seconds since the epoch."""
    row = upsert(session_arm).values(session=session, at=at, held_out=held_out)
    connection.execute(row.on_conflict_do_nothing())


def read_arms(connection: Connection) -> Mapping[str, bool]:
    """Return every session in the comparison, and whether it is held out."""
    return {row.session: bool(row.held_out) for row in connection.execute(select(session_arm))}
