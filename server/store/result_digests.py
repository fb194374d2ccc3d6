"""Digests that replaced tool results in Claude Code, and kinds of results that are not digested."""

import time
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from server.store.database import Database
from server.store.queries import local_day
from server.store.records import ReceiptRecord
from server.store.result_digest_tables import result_digest, result_left_alone
from server.store.totals import add_to_removed, digest_totals_query
from server.store.transcript_checks import receipt_of, receipt_values

EVERYWHERE = ""
"""The project used for a kind that is switched off in all projects."""
BY_USER = "switched off"
"""The reason recorded for a kind that the user switched off. All other reasons are losses."""
DIGEST_ID = "digest-"
"""Prefix for a digest's number where offload ids can occur as well."""
_OF_SESSION = 50
"""Number of a session's digests to compare with later results."""


@dataclass(frozen=True)
class ResultDigest:
    """One digest that replaced a result.

    Attributes:
        id: the number in the database; 0 before the digest is written.
        at: seconds since the epoch.
        source: the command or the path; empty if the history keeps no contents.
        source_key: a hash of the command or the path.
        facts_key: a hash of the digest without its numbers; equal for two runs with the same result.
        kept_path: the client's own file with the full text; often empty.
        handle: the handle for the kept text.
        characters: number of characters in the full text.
        whole_tokens: tokens in the full text.
        shown_tokens: tokens that Claude would have seen without the digest.
        text: the digest; empty if the history keeps no contents.
        loss: how Claude came back for more (``again``, ``read`` or ``opened``); empty if it did not.
        receipt: what it saved and cost; None if it was never priced.
    """

    at: float
    project: str
    session: str
    tool_use_id: str
    kind: str
    source: str
    source_key: str
    facts_key: str
    kept_path: str
    handle: str
    characters: int
    lines: int
    whole_tokens: int
    shown_tokens: int
    digest_tokens: int
    text: str
    loss: str = ""
    id: int = 0
    receipt: ReceiptRecord | None = None

    @property
    def net_tokens(self) -> int:
        """Tokens saved. After a loss, Claude has read the text as well as the digest, so the digest only
        added cost.
        """
        return -self.digest_tokens if self.loss else self.shown_tokens - self.digest_tokens


@dataclass(frozen=True)
class LeftAlone:
    """A kind of result that is passed through unchanged, in one project or everywhere. ``at`` is in seconds
    since the epoch.
    """

    kind: str
    project: str
    at: float
    reason: str

    @property
    def by_user(self) -> bool:
        """Return whether the user switched the kind off."""
        return self.reason == BY_USER


@dataclass(frozen=True)
class KindTotal:
    """Totals for one kind of digest: count, tokens saved (net of losses), and losses."""

    kind: str
    digests: int
    net_tokens: int
    losses: int


class ResultDigests:
    """Reads and writes result digests. Every method can raise ``StoreError``.

    Args:
        contents: False keeps figures, names and hashes, but neither commands, paths nor digests.
    """

    def __init__(self, database: Database, contents: bool = True) -> None:
        self._database = database
        self._contents = contents

    async def add(self, record: ResultDigest) -> int:
        """Write a digest and return its number."""
        kept = record if self._contents else replace(record, source="", text="", kept_path="")
        values = {name: getattr(kept, name) for name in _PLAIN if name != "id"}
        values |= {"day": local_day(kept.at), **receipt_values(kept.receipt)}

        def write(connection: Connection) -> int:
            key = connection.execute(insert(result_digest).values(**values)).inserted_primary_key
            return int(key[0]) if key is not None else 0

        return await self._database.write(write)

    async def of_session(self, session: str) -> tuple[ResultDigest, ...]:
        """Return a session's latest digests without a loss, newest first."""
        query = (
            select(result_digest)
            .where(result_digest.c.session == session, result_digest.c.loss == "")
            .order_by(result_digest.c.id.desc())
            .limit(_OF_SESSION)
        )
        return await self._database.read(lambda connection: _records(connection, query))

    async def latest(self, most: int) -> tuple[ResultDigest, ...]:
        """Return the latest digests, newest first."""
        query = select(result_digest).order_by(result_digest.c.id.desc()).limit(most)
        return await self._database.read(lambda connection: _records(connection, query))

    async def kinds(self, since: float = 0.0) -> tuple[KindTotal, ...]:
        """Return the totals by kind since ``since`` (seconds since the epoch), largest first."""
        table = result_digest.c
        lost = func.sum(func.iif(table.loss == "", 0, 1))
        net = func.sum(func.iif(table.loss == "", table.shown_tokens, 0) - table.digest_tokens)
        query = (
            select(table.kind, func.count(), net, lost)
            .where(table.at >= since)
            .group_by(table.kind)
            .order_by(net.desc())
        )

        def read(connection: Connection) -> tuple[KindTotal, ...]:
            return tuple(KindTotal(*row) for row in connection.execute(query))

        return await self._database.read(read)

    async def net_tokens(self, since: float = 0.0, session: str | None = None) -> int:
        """Return the tokens saved since ``since`` (seconds since the epoch), optionally in one session."""
        table = result_digest.c
        net = func.sum(func.iif(table.loss == "", table.shown_tokens, 0) - table.digest_tokens)
        query = select(func.coalesce(net, 0)).where(table.at >= since)
        if session is not None:
            query = query.where(table.session == session)
        return await self._database.read(lambda connection: int(connection.execute(query).scalar_one()))

    async def find(self, number: int) -> ResultDigest | None:
        """Return the digest with this number; None if it does not exist."""
        query = select(result_digest).where(result_digest.c.id == number)
        found = await self._database.read(lambda connection: _records(connection, query))
        return found[0] if found else None

    async def book_loss(self, record: ResultDigest, loss: str, receipt: ReceiptRecord) -> None:
        """Record that a digest was a loss, with its new receipt. From then on, its kind passes through
        unchanged in its project.
        """

        def write(connection: Connection) -> None:
            booked = update(result_digest).where(result_digest.c.id == record.id)
            connection.execute(booked.values(loss=loss, **receipt_values(receipt)))
            _leave_alone(connection, record.kind, record.project, loss)

        await self._database.write(write)

    async def is_left_alone(self, kind: str, project: str) -> bool:
        """Return whether results of this kind pass through unchanged in a project."""
        query = select(result_left_alone.c.kind).where(
            result_left_alone.c.kind == kind, result_left_alone.c.project.in_((EVERYWHERE, project))
        )
        return await self._database.read(lambda connection: connection.execute(query).first() is not None)

    async def left_alone(self) -> tuple[LeftAlone, ...]:
        """Return the kinds that are not digested, sorted by name."""
        table = result_left_alone
        query = select(table).order_by(table.c.kind, table.c.project)

        def read(connection: Connection) -> tuple[LeftAlone, ...]:
            return tuple(LeftAlone(*row) for row in connection.execute(query))

        return await self._database.read(read)

    async def leave_alone(self, kind: str, project: str = EVERYWHERE, reason: str = BY_USER) -> None:
        """Let results of this kind pass through unchanged from now on."""
        await self._database.write(lambda connection: _leave_alone(connection, kind, project, reason))

    async def take_up(self, kind: str, project: str) -> None:
        """Undo ``leave_alone`` for one project or, with ``EVERYWHERE``, the switch for all projects."""
        table = result_left_alone
        query = delete(table).where(table.c.kind == kind, table.c.project == project)
        await self._database.write(lambda connection: connection.execute(query))

    async def prune(self, before: float) -> None:
        """Delete digests from before an instant (seconds since the epoch). Their totals are kept."""
        query = delete(result_digest).where(result_digest.c.at < before)

        def write(connection: Connection) -> None:
            add_to_removed(connection, digest_totals_query("o.at < :before"), {"before": before})
            connection.execute(query)

        await self._database.write(write)


def _records(connection: Connection, query: Select[Any]) -> tuple[ResultDigest, ...]:
    return tuple(_record(row) for row in connection.execute(query))


def _record(row: Row[Any]) -> ResultDigest:
    receipt = receipt_of(row, row.family) if row.family else None
    return ResultDigest(**{name: getattr(row, name) for name in _PLAIN}, receipt=receipt)


_PLAIN = tuple(field.name for field in fields(ResultDigest) if field.name != "receipt")
"""Fields stored in columns of the same name."""


def _leave_alone(connection: Connection, kind: str, project: str, reason: str) -> None:
    row = upsert(result_left_alone).values(kind=kind, project=project, at=time.time(), reason=reason)
    connection.execute(row.on_conflict_do_nothing())
