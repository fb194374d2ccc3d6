"""The history of offloads: one row each from start to end, with its attempts, files and receipt."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from server.common.days import days_ago
from server.common.errors import NotFound
from server.store import queries, tables
from server.store.database import Database, open_database
from server.store.records import (
    AttemptRecord,
    DayTotal,
    Facets,
    GroupTotal,
    OffloadDetail,
    OffloadEnd,
    OffloadFilter,
    OffloadRow,
    OffloadStart,
    Totals,
    UndoRecord,
)
from server.store.tables import offload
from server.store.totals import RUNNING, keep_sums
from server.store.transcript_checks import receipt_values, seq_of, spare_nothing, unknown

INTERRUPTED = "interrupted"
SHORTEST_ID = 4
"""Characters of an id that are enough to name an offload by."""
PRUNED_AT_ONCE = 1_000

OnFinish = Callable[[str, OffloadEnd], None]


class History:
    """Reads and writes the history. Safe to use from one event loop; database work runs in threads.

    Every method may raise ``StoreError``. A write that was begun completes even if its caller is
    cancelled. ``contents`` False keeps figures, names and digests, but no text of tasks, arguments,
    prompts, answers and diffs; the bytes for undo are kept all the same. ``notice`` is a sentence for the
    user where something happened on opening, empty otherwise.
    """

    def __init__(self, database: Database, contents: bool = True) -> None:
        self.database = database
        self.contents = contents
        self.notice = database.notice
        self._listeners: tuple[OnFinish, ...] = ()

    @classmethod
    async def open(cls, database: Path, contents: bool = True, owner: bool = True) -> "History":
        """Open (create, migrate) the database; rows left ``running`` become ``interrupted``.

        ``owner`` is False for a program that only looks at the history of a hub that may be running.

        Raises:
            StoreError: the file is locked, cannot be read or written, or is of a newer version. A damaged
                file is an error only to who is not its owner: the owner keeps it aside and begins a new
                one, see ``notice``.
        """
        opened = await asyncio.to_thread(open_database, database, owner=owner)
        history = cls(opened, contents)
        if owner:
            await opened.write(_interrupt)
        return history

    async def close(self) -> None:
        """Finish what is being written and close the file."""
        await self.database.close()

    def on_finish(self, listener: OnFinish) -> None:
        """Call ``listener(tool, end)`` in the event loop whenever the end of an offload was written."""
        self._listeners = (*self._listeners, listener)

    async def start(self, start: OffloadStart) -> None:
        """Write the row of an offload that begins."""
        await self.database.write(lambda connection: _start(connection, start, self.contents))

    async def attempt(self, offload_id: str, attempt: AttemptRecord) -> None:
        """Add one round with the model, or replace the round of the same number."""
        kept = attempt if self.contents else _figures_only(attempt)
        await self.database.write(
            lambda connection: _attempt(connection, seq_of(connection, offload_id), kept)
        )

    async def keep_undo(self, offload_id: str, undo: UndoRecord | None) -> None:
        """Keep what undo needs before the file is written, so that a crash or a power cut leaves a way back;
        None drops it."""
        await self.database.write(
            lambda connection: _keep_undo(connection, seq_of(connection, offload_id), undo),
            durable=undo is not None,
        )

    async def left_over(self) -> tuple[tuple[str, UndoRecord], ...]:
        """Return what interrupted offloads had written or were about to write, by offload."""
        return await self.database.read(queries.read_left_over)

    async def finish(self, offload_id: str, end: OffloadEnd) -> None:
        """Complete the row, and with it all sums, in one transaction.

        A power cut does not take the end of a delivery away: its file would be put back at the next start.
        """
        tool = await self.database.write(
            lambda connection: _finish(connection, offload_id, end, self.contents),
            durable=end.outcome == "delivered",
        )
        for listener in self._listeners:
            listener(tool, end)

    async def mark_undone(self, offload_id: str) -> None:
        """Note that the bytes from before were put back: the call spared nothing, its cost remains."""
        await self.database.write(lambda connection: _mark_undone(connection, offload_id))

    async def prune(self, days: int) -> int:
        """Remove offloads that began more than ``days`` days ago; return how many.

        Their sums are kept, so that what was saved in all does not shrink.
        """
        before = days_ago(days)
        pruned = 0
        while some := await self.database.write(lambda connection: _prune(connection, before)):
            pruned += some
        return pruned

    async def get(self, offload_id: str) -> OffloadDetail | None:
        """Return everything about one offload, None if there is none."""
        return await self.database.read(lambda connection: queries.read_detail(connection, offload_id))

    async def find(self, given: str) -> OffloadDetail:
        """Return the offload of that id, or the only one whose id begins with it (4 characters at least).

        Raises:
            NotFound: there is none, or there are several.
        """
        detail = await self.get(given)
        if detail is None and len(given) >= SHORTEST_ID:
            found = await self.database.read(lambda connection: queries.read_ids(connection, given, 2))
            if len(found) > 1:
                raise NotFound(f"Several offloads begin with {given!r}.", "Give more of the id.")
            detail = await self.get(found[0]) if found else None
        if detail is None:
            raise NotFound(f"There is no offload {given!r}.", "`token-saver history` lists them.")
        return detail

    async def page(
        self, where: OffloadFilter, limit: int = 50, before: str | None = None
    ) -> tuple[OffloadRow, ...]:
        """Return rows in order of arrival, newest first; the next page is ``before`` the last row's id."""
        can_search = self.database.can_search
        return await self.database.read(
            lambda connection: queries.read_page(connection, where, limit, before, can_search)
        )

    async def totals(self, since: float | None = None) -> Totals:
        """Return the sums of offloads that began at ``since`` (seconds since the epoch) or later."""
        return await self.database.read(lambda connection: queries.read_totals(connection, since))

    async def by_day(self, days: int) -> tuple[DayTotal, ...]:
        """Return the sums of the last ``days`` local days, today last, empty ones too."""
        return await self.database.read(lambda connection: queries.read_days(connection, days))

    async def by(self, dimension: str, since: float | None = None) -> tuple[GroupTotal, ...]:
        """Return the sums by ``tool``, ``model``, ``project`` or ``day``, from the local day of
        ``since``."""
        day = "" if since is None else queries.local_day(since)
        return await self.database.read(lambda connection: queries.read_groups(connection, dimension, day))

    async def losses(self, limit: int = 10, since: float | None = None) -> tuple[OffloadRow, ...]:
        """Return the calls that lost the most tokens, the worst first."""
        return await self.database.read(lambda connection: queries.read_losses(connection, limit, since))

    async def facets(self) -> Facets:
        """Return what the list can be filtered by."""
        return await self.database.read(queries.read_facets)


def _interrupt(connection: Connection) -> None:
    left = update(offload).where(offload.c.outcome == RUNNING)
    connection.execute(left.values(outcome=INTERRUPTED, code=INTERRUPTED))


def _start(connection: Connection, start: OffloadStart, contents: bool) -> None:
    values = {
        "id": start.id,
        "started_at": start.started_at,
        "day": queries.local_day(start.started_at),
        "tool": start.tool,
        "task": start.task if contents else "",
        "names": start.output or "",
        "client": start.client,
        "session": start.session,
        "tool_use_id": start.tool_use_id,
        "project": start.project,
        "output": start.output,
        "outcome": RUNNING,
        "job_id": start.job_id,
        **receipt_values(start.receipt),
    }
    seq = connection.execute(_ADD, values).inserted_primary_key
    arguments = json.dumps(start.arguments if contents else {}, ensure_ascii=False, default=str)
    connection.execute(_ADD_TEXT, {"seq": seq[0] if seq else None, "arguments": arguments})


def _attempt(connection: Connection, seq: int, attempt: AttemptRecord) -> None:
    values = {
        **vars(attempt),
        "seq": seq,
        "prompt": json.dumps(attempt.prompt, ensure_ascii=False),
        "checks": json.dumps([[c.name, c.passed, c.message] for c in attempt.checks], ensure_ascii=False),
    }
    connection.execute(_SET_ATTEMPT, values)


def _keep_undo(connection: Connection, seq: int, undo: UndoRecord | None) -> None:
    if undo is None:
        connection.execute(delete(tables.undo).where(tables.undo.c.seq == seq))
    else:
        connection.execute(_SET_UNDO, {"seq": seq, **vars(undo)})


def _finish(connection: Connection, offload_id: str, end: OffloadEnd, contents: bool) -> str:
    row = connection.execute(_FIND, {"of": offload_id}).first()
    if row is None:
        raise unknown(offload_id)
    names = dict.fromkeys([row.output or "", *(file.path for file in end.files)])
    values = {
        "of": row.seq,
        "ended_at": end.ended_at,
        "outcome": end.outcome,
        "code": end.code,
        # The text of a result that was returned is content; the digest of a delivery is figures.
        "summary": end.summary if contents or end.outcome == "delivered" else "",
        "model": end.model,
        "backend": end.backend,
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.completion_tokens,
        "seconds": end.timings.get("total", end.ended_at - row.started_at),
        "names": "\n".join(name for name in names if name),
        **receipt_values(end.receipt),
    }
    connection.execute(_END, values)
    diff = end.diff if contents else ""
    connection.execute(_END_TEXT, {"of": row.seq, "diff": diff, "timings": json.dumps(end.timings)})
    for attempt in end.attempts:
        _attempt(connection, row.seq, attempt if contents else _figures_only(attempt))
    files = [{"seq": row.seq, "position": at, **vars(file)} for at, file in enumerate(end.files)]
    connection.execute(_DROP_FILES, {"of": row.seq})
    if files:
        connection.execute(_ADD_FILES, files)
    if end.undo is not None:
        _keep_undo(connection, row.seq, end.undo)
    return str(row.tool)


def _mark_undone(connection: Connection, offload_id: str) -> None:
    seq = seq_of(connection, offload_id)
    connection.execute(update(offload).where(offload.c.seq == seq).values(undone=True))
    spare_nothing(connection, seq)
    connection.execute(delete(tables.undo).where(tables.undo.c.seq == seq))


def _prune(connection: Connection, before: float) -> int:
    oldest = (
        f"SELECT seq FROM offload WHERE started_at < :before AND outcome <> '{RUNNING}' "  # noqa: S608 (constants)
        f"ORDER BY started_at, seq LIMIT {PRUNED_AT_ONCE}"
    )
    seqs = [row[0] for row in connection.exec_driver_sql(oldest, {"before": before})]
    if not seqs:
        return 0
    keep_sums(connection, f"o.seq IN ({oldest})", {"before": before})
    connection.execute(delete(offload).where(offload.c.seq.in_(seqs)))
    return len(seqs)


def _figures_only(attempt: AttemptRecord) -> AttemptRecord:
    checks = tuple(replace(check, message="") for check in attempt.checks)
    return replace(attempt, prompt=(), answer="", thinking="", checks=checks)


# Built once: to build a statement takes as long as to run it, and every offload runs these.
_ADD = insert(offload)
_ADD_TEXT = insert(tables.offload_text)
_FIND = select(offload.c.seq, offload.c.tool, offload.c.output, offload.c.started_at).where(
    offload.c.id == bindparam("of")
)
_END = update(offload).where(offload.c.seq == bindparam("of"))
_END_TEXT = update(tables.offload_text).where(tables.offload_text.c.seq == bindparam("of"))
_SET_ATTEMPT = insert(tables.attempt).prefix_with("OR REPLACE")
_SET_UNDO = insert(tables.undo).prefix_with("OR REPLACE")
_DROP_FILES = delete(tables.file).where(tables.file.c.seq == bindparam("of"))
_ADD_FILES = insert(tables.file)
