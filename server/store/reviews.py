"""Results waiting for the user's review, riskiest first, and the user's verdicts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from sqlalchemy import Connection, select, update
from sqlalchemy.sql import Select

from server.store import tables
from server.store.database import Database
from server.store.records import OffloadRow
from server.store.tables import offload

Review = Literal["kept", "undone", "rerun", "trial"]
"""A verdict: the result was kept, undone, or replaced by another run. The first steps show a trial's result
themselves, so it needs no review.
"""
NEWEST = 1_000
"""Number of the newest written results to search for unreviewed ones."""

_ROW = tuple(offload.c[each.name] for each in fields(OffloadRow))


@dataclass(frozen=True)
class Unreviewed:
    """A written result without a verdict. ``undoable`` is false if the earlier contents are gone."""

    row: OffloadRow
    notices: tuple[str, ...]
    diff: str
    undoable: bool

    @property
    def job_id(self) -> str:
        """Return the id of the batch; empty if the result is not part of one."""
        return self.row.job_id or ""

    @property
    def changed(self) -> tuple[int, int]:
        """Return the number of lines added and removed."""
        lines = self.diff.split("\n")[2:]  # after the names of both files
        return sum(each.startswith("+") for each in lines), sum(each.startswith("-") for each in lines)


class Reviews:
    """Reads the results waiting for review and stores verdicts. Every method can raise ``StoreError``.

    Args:
        strengths: the kinds of evidence for a result, strongest first (see ``offload.values.Strength``).
    """

    def __init__(self, database: Database, strengths: Sequence[str]) -> None:
        self._database = database
        self._strengths = tuple(strengths)

    async def waiting(self) -> tuple[Unreviewed, ...]:
        """Return the unreviewed results: those with notices first, then weakest evidence first, then those
        that removed the most lines.
        """
        found = await self._database.read(_read_waiting)
        return tuple(sorted(found, key=self._risk))

    async def count(self, job_id: str = "") -> int:
        """Return the number of results waiting for review; with ``job_id``, only those of that batch."""
        query = _waiting().where(offload.c.job_id == job_id) if job_id else _waiting()
        return await self._database.read(lambda connection: len(connection.execute(query).all()))

    async def record(self, offload_ids: Sequence[str], review: Review) -> None:
        """Store a verdict on these results."""
        change = update(offload).where(offload.c.id.in_(offload_ids)).values(reviewed=review)
        await self._database.write(lambda connection: connection.execute(change))

    async def forget(self, offload_ids: Sequence[str]) -> None:
        """Remove the verdicts on these results, so that they wait for review again."""
        change = update(offload).where(offload.c.id.in_(offload_ids)).values(reviewed="")
        await self._database.write(lambda connection: connection.execute(change))

    def _risk(self, each: Unreviewed) -> tuple[int, int, int, float]:
        known = each.row.strength in self._strengths
        # Results of older versions have no strength, because nothing is known about them.
        strength = self._strengths.index(each.row.strength) if known else len(self._strengths)
        return -len(each.notices), -strength, -each.changed[1], -each.row.started_at


def _waiting() -> Select[int]:
    newest = (
        select(offload.c.seq)
        .where(offload.c.outcome == "delivered")
        .order_by(offload.c.seq.desc())
        .limit(NEWEST)
    )
    return select(offload.c.seq).where(offload.c.seq.in_(newest), offload.c.reviewed == "", ~offload.c.undone)


def _read_waiting(connection: Connection) -> tuple[Unreviewed, ...]:
    texts, undo = tables.offload_text, tables.undo
    query = (
        select(*_ROW, texts.c.diff, texts.c.notices, undo.c.path)
        .outerjoin(texts, texts.c.seq == offload.c.seq)
        .outerjoin(undo, undo.c.seq == offload.c.seq)
        .where(offload.c.seq.in_(_waiting()))
    )
    return tuple(
        Unreviewed(
            row=OffloadRow(*row[: len(_ROW)]),
            notices=tuple(json.loads(row.notices or "[]")),
            diff=row.diff or "",
            undoable=row.path is not None,
        )
        for row in connection.execute(query)
    )
