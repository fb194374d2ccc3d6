"""The history of offloads: one row per offload from start to end, with its attempts, files and receipt."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from server.common.days import days_ago
from server.common.errors import NotFound
from server.store import queries, tables
from server.store.database import Database, open_database
from server.store.records import (
    SHELL,
    TEST_SESSION,
    AttemptRecord,
    DayTotal,
    Facets,
    GroupTotal,
    OffloadDetail,
    OffloadEnd,
    OffloadFilter,
    OffloadRow,
    OffloadStart,
    Order,
    Summary,
    Totals,
    UndoRecord,
)
from server.store.tables import offload
from server.store.totals import RUNNING, add_to_removed, totals_query
from server.store.transcript_checks import receipt_values, seq_of, set_savings_to_zero, unknown

INTERRUPTED = "interrupted"
SHORTEST_ID = 4
"""Minimum length of an id prefix that can identify an offload (characters)."""
PRUNE_BATCH = 1_000
"""Number of offloads removed per transaction."""

OnFinish = Callable[[str, OffloadEnd], None]
"""Called with the tool's name and the offload's end record."""


class History:
    """Reads and writes the history. Bound to one event loop; database work runs in threads.

    Every method can raise ``StoreError``. A write that has started completes even if its caller is cancelled.

    Args:
        contents: False keeps figures, names and hashes, but not the text of tasks, arguments, prompts,
            answers or diffs. Old contents needed for an undo are always kept.

    Attributes:
        notice: a sentence for the user about how opening the file went; usually empty.
    """

    def __init__(self, database: Database, contents: bool = True) -> None:
        self.database = database
        self.contents = contents
        self.notice = database.notice
        self._listeners: tuple[OnFinish, ...] = ()

    @classmethod
    async def open(cls, database: Path, contents: bool = True, owner: bool = True) -> "History":
        """Open the database, creating or migrating it. Rows left ``running`` become ``interrupted``.

        Args:
            owner: False for a program that reads the history while the hub may be running.

        Raises:
            StoreError: the file is locked, cannot be read or written, or comes from a newer version. A
                damaged file is an error only without ``owner``; the owner moves it aside and starts a new
                one.
        """
        opened = await asyncio.to_thread(open_database, database, owner=owner)
        history = cls(opened, contents)
        if owner:
            await opened.write(_interrupt)
        return history

    async def close(self) -> None:
        """Finish pending writes and close the file."""
        await self.database.close()

    def on_finish(self, listener: OnFinish) -> None:
        """Call ``listener(tool, end)`` in the event loop once the end of an offload has been written."""
        self._listeners = (*self._listeners, listener)

    async def start(self, start: OffloadStart) -> None:
        """Write the row for an offload that is starting."""
        await self.database.write(lambda connection: _start(connection, start, self.contents))

    async def attempt(self, offload_id: str, attempt: AttemptRecord) -> None:
        """Write one round with the model, replacing any earlier round with the same number."""
        stored = attempt if self.contents else _figures_only(attempt)
        await self.database.write(
            lambda connection: _attempt(connection, seq_of(connection, offload_id), stored)
        )

    async def save_undo(self, offload_id: str, undo: UndoRecord | None) -> None:
        """Store a file's old contents durably before the file is overwritten. None deletes the stored
        contents.
        """
        await self.database.write(
            lambda connection: _save_undo(connection, seq_of(connection, offload_id), undo),
            durable=undo is not None,
        )

    async def interrupted_writes(self) -> tuple[tuple[str, UndoRecord], ...]:
        """Return the undo records of interrupted offloads with their offload ids."""
        return await self.database.read(queries.read_interrupted_writes)

    async def finish(self, offload_id: str, end: OffloadEnd) -> None:
        """Complete the row and update all totals in one transaction.

        The end of a delivery is written durably; otherwise the next start would restore the old file.
        """
        tool = await self.database.write(
            lambda connection: _finish(connection, offload_id, end, self.contents),
            durable=end.outcome == "delivered",
        )
        for listener in self._listeners:
            listener(tool, end)

    async def mark_undone(self, offload_id: str) -> None:
        """Record that the old contents were restored. The offload then has no savings, but its cost
        remains.
        """
        await self.database.write(lambda connection: _mark_undone(connection, offload_id))

    async def forget_test(self, session: str) -> None:
        """Remove the offloads from a ``doctor`` test. Other sessions are unaffected."""
        if session.startswith(TEST_SESSION):
            of_test = (offload.c.session == session, offload.c.client == SHELL)
            await self.database.write(lambda connection: connection.execute(delete(offload).where(*of_test)))

    async def undoable(self, job_id: str) -> tuple[tuple[str, str], ...]:
        """Return the ids and paths of a batch's undoable offloads, newest first."""
        return await self.database.read(lambda connection: queries.read_undoable(connection, job_id))

    async def undone(self, job_id: str) -> frozenset[str]:
        """Return the ids of a batch's offloads that were undone."""
        return await self.database.read(lambda connection: queries.read_undone(connection, job_id))

    async def prune(self, days: int) -> int:
        """Remove offloads that started more than ``days`` days ago. Return how many were removed.

        Their totals are kept, so that the overall savings do not shrink.
        """
        before = days_ago(days)
        pruned = 0
        while some := await self.database.write(lambda connection: _prune(connection, before)):
            pruned += some
        return pruned

    async def get(self, offload_id: str) -> OffloadDetail | None:
        """Return all data of one offload, or None if it does not exist."""
        return await self.database.read(lambda connection: queries.read_detail(connection, offload_id))

    async def find(self, given: str) -> OffloadDetail:
        """Return the offload with this id, or the only one whose id starts with the given text (at least 4
        characters).

        Raises:
            NotFound: no offload matches, or more than one does.
        """
        detail = await self.get(given)
        if detail is None and len(given) >= SHORTEST_ID:
            found = await self.database.read(lambda connection: queries.read_ids(connection, given, 2))
            if len(found) > 1:
                raise NotFound(f"Several offloads start with {given!r}.", "Give more characters of the id.")
            detail = await self.get(found[0]) if found else None
        if detail is None:
            raise NotFound(f"There is no offload {given!r}.", "`token-saver history` lists all offloads.")
        return detail

    async def page(
        self, where: OffloadFilter, limit: int = 50, before: str | None = None, order: Order = "newest"
    ) -> tuple[OffloadRow, ...]:
        """Return rows in the order. To get the next page, set ``before`` to the id of the last row."""
        can_search = self.database.can_search
        return await self.database.read(
            lambda connection: queries.read_page(
                connection, where, limit, before, can_search=can_search, order=order
            )
        )

    async def summary(self, where: OffloadFilter) -> Summary:
        """Return the number of matching offloads, and what the user's own ones among them would have
        saved.
        """
        can_search = self.database.can_search
        return await self.database.read(
            lambda connection: queries.read_summary(connection, where, can_search)
        )

    async def totals(self, since: float | None = None) -> Totals:
        """Return the totals for offloads that started at or after ``since`` (seconds since the epoch)."""
        return await self.database.read(lambda connection: queries.read_totals(connection, since))

    async def net_tokens_of_session(self, session: str, since: float) -> int:
        """Return the net tokens of a client session's offloads that started at or after ``since`` (seconds
        since the epoch)."""
        net = func.coalesce(func.sum(offload.c.net_tokens), 0)
        query = select(net).where(offload.c.started_at >= since, offload.c.session == session)
        return await self.database.read(lambda connection: int(connection.execute(query).scalar_one()))

    async def by_day(self, days: int) -> tuple[DayTotal, ...]:
        """Return the totals for each of the last ``days`` local days, ending with today."""
        return await self.database.read(lambda connection: queries.read_days(connection, days))

    async def by(self, dimension: str, since: float | None = None) -> tuple[GroupTotal, ...]:
        """Return totals by ``tool``, ``model``, ``project`` or ``day``, starting from the local day of
        ``since``.
        """
        day = "" if since is None else queries.local_day(since)
        return await self.database.read(lambda connection: queries.read_groups(connection, dimension, day))

    async def losses(self, limit: int = 10, since: float | None = None) -> tuple[OffloadRow, ...]:
        """Return the offloads that lost the most tokens, worst first."""
        return await self.database.read(lambda connection: queries.read_losses(connection, limit, since))

    async def facets(self) -> Facets:
        """Return the values available for filtering the list."""
        return await self.database.read(queries.read_facets)


def _interrupt(connection: Connection) -> None:
    running = update(offload).where(offload.c.outcome == RUNNING)
    connection.execute(running.values(outcome=INTERRUPTED, code=INTERRUPTED))


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
        "timings": json.dumps(attempt.timings),
    }
    connection.execute(_SET_ATTEMPT, values)


def _save_undo(connection: Connection, seq: int, undo: UndoRecord | None) -> None:
    if undo is None:
        connection.execute(delete(tables.undo).where(tables.undo.c.seq == seq))
    else:
        connection.execute(_SET_UNDO, {"seq": seq, **vars(undo)})


def _finish(connection: Connection, offload_id: str, end: OffloadEnd, contents: bool) -> str:
    row = connection.execute(_FIND, {"of": offload_id}).first()
    if row is None:
        raise unknown(offload_id)
    names = dict.fromkeys([row.output or "", *(file.path for file in end.files)])
    waited = end.timings.get("queue", 0.0)
    values = {
        "of": row.seq,
        "ended_at": end.ended_at,
        "outcome": end.outcome,
        "code": end.code,
        "strength": end.strength,
        "chore_kind": end.chore_kind,
        "would_save_tokens": end.would_save_tokens,
        # The text of a returned result is content. The reply of a delivery consists of figures.
        "summary": end.summary if contents or end.outcome == "delivered" else "",
        "model": end.model,
        "backend": end.backend,
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.completion_tokens,
        "seconds": max(0.0, end.timings.get("total", end.ended_at - row.started_at) - waited),
        "names": "\n".join(name for name in names if name),
        **receipt_values(end.receipt),
    }
    connection.execute(_END, values)
    diff = end.diff if contents else ""
    # Notices can quote contents of the file.
    notices = json.dumps(list(end.notices) if contents else [])
    texts = {"of": row.seq, "diff": diff, "timings": json.dumps(end.timings), "notices": notices}
    connection.execute(_END_TEXT, texts)
    for attempt in end.attempts:
        _attempt(connection, row.seq, attempt if contents else _figures_only(attempt))
    files = [{"seq": row.seq, "position": at, **vars(file)} for at, file in enumerate(end.files)]
    connection.execute(_DROP_FILES, {"of": row.seq})
    if files:
        connection.execute(_ADD_FILES, files)
    if end.undo is not None:
        _save_undo(connection, row.seq, end.undo)
    return str(row.tool)


def _mark_undone(connection: Connection, offload_id: str) -> None:
    seq = seq_of(connection, offload_id)
    connection.execute(update(offload).where(offload.c.seq == seq).values(undone=True))
    set_savings_to_zero(connection, seq)
    connection.execute(delete(tables.undo).where(tables.undo.c.seq == seq))


def _prune(connection: Connection, before: float) -> int:
    oldest = (
        f"SELECT seq FROM offload WHERE started_at < :before AND outcome <> '{RUNNING}' "  # noqa: S608 (constants)
        f"ORDER BY started_at, seq LIMIT {PRUNE_BATCH}"
    )
    seqs = [row[0] for row in connection.exec_driver_sql(oldest, {"before": before})]
    if not seqs:
        return 0
    add_to_removed(connection, totals_query(f"o.seq IN ({oldest})"), {"before": before})
    connection.execute(delete(offload).where(offload.c.seq.in_(seqs)))
    return len(seqs)


def _figures_only(attempt: AttemptRecord) -> AttemptRecord:
    checks = tuple(replace(check, message="") for check in attempt.checks)
    return replace(attempt, prompt=(), answer="", thinking="", checks=checks)


# Built once: building a statement takes as long as running it, and every offload runs these statements.
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
