"""History queries for the dashboard, the reports and the command line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    column,
    false,
    func,
    literal_column,
    select,
    table,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.sql import Select

from server.store import tables
from server.store.records import (
    IN_BATCH,
    NO_BATCH,
    OWN_CLIENTS,
    AttemptRecord,
    CheckRecord,
    DayTotal,
    Facets,
    FileRecord,
    GroupTotal,
    OffloadDetail,
    OffloadFilter,
    OffloadRow,
    Order,
    Summary,
    Totals,
    UndoRecord,
)
from server.store.search import like_patterns, match_expression
from server.store.tables import DIMENSIONS, MEASURES, offload
from server.store.totals import RUNNING, digest_totals_query, totals_query
from server.store.transcript_checks import check_of, receipt_of

_ROW = tuple(offload.c[each.name] for each in fields(OffloadRow))
_EXACT = ("tool", "outcome", "model", "project", "client", "strength")
_SORTED_BY: Mapping[Order, tuple[ColumnElement[Any], ...]] = {
    "newest": (),
    "saved": (offload.c.net_tokens,),
    "lost": (offload.c.net_tokens,),
    "slowest": (offload.c.seconds,),
}
"""What each order goes by before the order of arrival."""
MOST_SUMMED = 10_000
"""Number of offloads that the summary of a filter reads at most: some 20 ms."""
HITS = table("offload_search", column("rowid"))


def read_page(
    connection: Connection,
    where: OffloadFilter,
    limit: int,
    before: str | None = None,
    *,
    can_search: bool,
    order: Order = "newest",
) -> tuple[OffloadRow, ...]:
    """Return up to ``limit`` rows that follow the row ``before`` in the order.

    Every page takes the same time, because it seeks to a key instead of skipping rows.
    """
    match = match_expression(where.search) if can_search else ""
    seq = HITS.c.rowid if match else offload.c.seq
    keys = [*_SORTED_BY[order], seq]
    rising = order == "lost"
    query = filtered(where, match).order_by(*(key.asc() if rising else key.desc() for key in keys))
    if before is not None:
        own = [*_SORTED_BY[order], offload.c.seq]
        last = connection.execute(select(*own).where(offload.c.id == before)).first()
        if last is None:  # retention removed this row together with all older rows
            return ()
        key, after = tuple_(*keys), tuple_(*last)
        query = query.where(key > after if rising else key < after)
    return tuple(_offload_row(row) for row in connection.execute(query.limit(limit)))


def read_summary(connection: Connection, where: OffloadFilter, can_search: bool) -> Summary:
    """Return the summary of the matching offloads. Beyond ``MOST_SUMMED``, only the newest ones are read."""
    match = match_expression(where.search) if can_search else ""
    newest = HITS.c.rowid if match else offload.c.seq
    found = (
        filtered(where, match)
        .with_only_columns(offload.c.client, offload.c.would_save_tokens)
        .order_by(newest.desc())
        .limit(MOST_SUMMED + 1)
        .subquery()
    )
    own = found.c.client.in_(OWN_CLIENTS)
    query = select(
        func.count(),
        func.count().filter(own),
        func.coalesce(func.sum(found.c.would_save_tokens).filter(own), 0),
    )
    many, by_user, would_save = connection.execute(query.select_from(found)).one()
    return Summary(min(many, MOST_SUMMED), by_user, would_save, more=many > MOST_SUMMED)


def read_detail(connection: Connection, offload_id: str) -> OffloadDetail | None:
    """Return all data of one offload, or None if it does not exist."""
    row = connection.execute(select(offload).where(offload.c.id == offload_id)).first()
    if row is None:
        return None
    texts = connection.execute(_of(tables.offload_text, row.seq)).first()
    undo = connection.execute(_of(tables.undo, row.seq)).first()
    audit = connection.execute(_of(tables.audit, row.seq)).first()
    files = connection.execute(_of(tables.file, row.seq).order_by(tables.file.c.position))
    attempts = connection.execute(_of(tables.attempt, row.seq).order_by(tables.attempt.c.number))
    return OffloadDetail(
        row=_offload_row(row),
        arguments=json.loads(texts.arguments) if texts else {},
        session=row.session,
        tool_use_id=row.tool_use_id,
        backend=row.backend,
        diff=texts.diff if texts else "",
        timings=json.loads(texts.timings) if texts else {},
        files=tuple(
            FileRecord(each.path, each.role, each.digest, each.size, each.selection) for each in files
        ),
        attempts=tuple(_attempt(each) for each in attempts),
        receipt=receipt_of(row, row.family) if row.family else None,
        undo=UndoRecord(undo.path, undo.before, undo.after_digest) if undo else None,
        audit=check_of(audit) if audit else None,
        notices=tuple(json.loads(texts.notices)) if texts else (),
    )


def read_ids(connection: Connection, prefix: str, limit: int) -> tuple[str, ...]:
    """Return up to ``limit`` ids that start with ``prefix``."""
    like = offload.c.id.startswith(prefix, autoescape=True)
    return tuple(connection.scalars(select(offload.c.id).where(like).limit(limit)))


def read_interrupted_writes(connection: Connection) -> tuple[tuple[str, UndoRecord], ...]:
    """Return the undo records of interrupted offloads with their offload ids."""
    query = (
        select(offload.c.id, tables.undo.c.path, tables.undo.c.before, tables.undo.c.after_digest)
        .join(tables.undo, tables.undo.c.seq == offload.c.seq)
        .where(offload.c.outcome == "interrupted", ~offload.c.undone)
    )
    return tuple(
        (row.id, UndoRecord(row.path, row.before, row.after_digest)) for row in connection.execute(query)
    )


def read_undoable(connection: Connection, job_id: str) -> tuple[tuple[str, str], ...]:
    """Return the ids and paths of a batch's undoable offloads, newest first."""
    query = (
        select(offload.c.id, tables.undo.c.path)
        .join(tables.undo, tables.undo.c.seq == offload.c.seq)
        .where(offload.c.job_id == job_id, offload.c.outcome == "delivered", ~offload.c.undone)
        .order_by(offload.c.seq.desc())
    )
    return tuple((row.id, row.path) for row in connection.execute(query))


def read_undone(connection: Connection, job_id: str) -> frozenset[str]:
    """Return the ids of a batch's offloads that were undone."""
    query = select(offload.c.id).where(offload.c.job_id == job_id, offload.c.undone)
    return frozenset(connection.scalars(query))


def read_totals(connection: Connection, since: float | None) -> Totals:
    """Return the totals for offloads and digests that started at or after ``since``; for all if ``since`` is
    None.
    """
    if since is None:
        return _sum(connection, "1", {})
    day = local_day(since)
    if since == _midnight(day):
        return _sum(connection, "day >= :day", {"day": day})
    later = _sum(connection, "day > :day", {"day": day})
    partial = (
        totals_query("o.day = :day AND o.started_at >= :since"),
        digest_totals_query("o.day = :day AND o.at >= :since"),
    )
    rows = [row for query in partial for row in connection.execute(text(query), {"day": day, "since": since})]
    return _added([later, *(_totals(row[len(DIMENSIONS) :]) for row in rows)])


def read_days(connection: Connection, days: int) -> tuple[DayTotal, ...]:
    """Return the totals for the last ``days`` local days, oldest first."""
    today = datetime.now().astimezone().date()
    names = [(today - timedelta(days=back)).isoformat() for back in reversed(range(days))]
    found = {group.name: group.totals for group in read_groups(connection, "day", names[0])}
    return tuple(DayTotal(name, found.get(name, Totals())) for name in names)


def read_groups(connection: Connection, by: str, since_day: str) -> tuple[GroupTotal, ...]:
    """Return totals by ``day``, ``tool``, ``model`` or ``project`` from local day ``since_day`` (empty for
    all), largest net first; days are in chronological order.
    """
    sums = _both_sums()
    key = sums.c[by]
    query = select(key, *(func.sum(sums.c[measure]) for measure in MEASURES)).group_by(key)
    query = query.where(sums.c.day >= since_day)
    query = query.order_by(key if by == "day" else func.sum(sums.c.net_tokens).desc())
    return tuple(GroupTotal(row[0], _totals(row[1:])) for row in connection.execute(query))


def read_losses(connection: Connection, limit: int, since: float | None) -> tuple[OffloadRow, ...]:
    """Return the offloads with the largest estimated losses, worst first."""
    query = select(*_ROW).where(offload.c.net_tokens < 0, offload.c.outcome != RUNNING)
    if since is not None:
        query = query.where(offload.c.started_at >= since)
    query = query.order_by(offload.c.net_tokens).limit(limit)
    return tuple(_offload_row(row) for row in connection.execute(query))


def read_facets(connection: Connection) -> Facets:
    """Return every tool, model, project, client and outcome that occurs in the history."""

    def distinct(name: str) -> tuple[str, ...]:
        # SQLite has no skip scan for DISTINCT, so the query jumps from value to value along the index.
        hops = text(
            f"WITH RECURSIVE hop(value) AS (SELECT min({name}) FROM offload "  # noqa: S608 (constants)
            f"UNION ALL SELECT (SELECT min({name}) FROM offload WHERE {name} > value) FROM hop "
            "WHERE value IS NOT NULL) "
            "SELECT value FROM hop WHERE value <> ''"
        )
        return tuple(connection.execute(hops).scalars())

    return Facets(*(distinct(name) for name in ("tool", "model", "project", "client", "outcome")))


def local_day(instant: float) -> str:
    """Return an instant's local date as ``YYYY-MM-DD``."""
    return datetime.fromtimestamp(instant).astimezone().date().isoformat()


def filtered(where: OffloadFilter, match: str) -> Select[Any]:
    """Return the query for the matching rows. ``match`` is the search as an expression of FTS5; if it is
    empty, the search uses ``LIKE``.
    """
    conditions = _in_window(where, HITS.c.rowid if match else offload.c.seq)
    conditions += [offload.c[name] == getattr(where, name) for name in _EXACT if getattr(where, name)]
    conditions += _of_review(where.review) + _of_batch(where.batch)
    if where.retried_codes:
        conditions.append(offload.c.job_id.is_(None) | offload.c.code.not_in(where.retried_codes))
    if match:
        # Adding 0 stops SQLite from driving the join by offload: it walks the hits from the newest and stops
        # when the page is full.
        conditions += [
            offload.c.seq == HITS.c.rowid + 0,
            literal_column("offload_search").op("MATCH")(match),
        ]
    elif where.search.strip():
        patterns = like_patterns(where.search)
        conditions += [offload.c.task.like(each) | offload.c.names.like(each) for each in patterns]
        conditions += [] if patterns else [false()]
    return select(*_ROW).where(*conditions)


def _of_review(review: str) -> list[ColumnElement[bool]]:
    written = offload.c.outcome == "delivered"
    if review == "waiting":
        return [written, offload.c.reviewed == "", ~offload.c.undone]
    if review == "undone":
        return [offload.c.undone]
    return [offload.c.reviewed == review] if review else []


def _of_batch(batch: str) -> list[ColumnElement[bool]]:
    if batch in (IN_BATCH, NO_BATCH):
        return [offload.c.job_id.is_not(None) if batch == IN_BATCH else offload.c.job_id.is_(None)]
    return [offload.c.job_id == batch] if batch else []


def _in_window(where: OffloadFilter, seq: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """Return the conditions for the time window.

    Rows arrive nearly in time order, so the window also limits ``seq``, which avoids walking from the newest
    row back to an old window. Adding 0 stops SQLite from choosing the ``started_at`` index.
    """
    conditions: list[ColumnElement[bool]] = []
    if where.since is not None:
        first = select(func.min(offload.c.seq + 0)).where(offload.c.started_at >= where.since)
        conditions += [offload.c.started_at + 0 >= where.since, seq >= first.scalar_subquery()]
    if where.until is not None:
        last = select(func.max(offload.c.seq + 0)).where(offload.c.started_at < where.until)
        conditions += [offload.c.started_at + 0 < where.until, seq <= last.scalar_subquery()]
    return conditions


def _of(texts: Table, seq: int) -> Select[Any]:
    return select(texts).where(texts.c.seq == seq)


def _offload_row(row: Row[Any]) -> OffloadRow:
    return OffloadRow(*(getattr(row, column.name) for column in _ROW))


def _attempt(row: Row[Any]) -> AttemptRecord:
    return AttemptRecord(
        number=row.number,
        kind=row.kind,
        prompt=tuple(json.loads(row.prompt)),
        answer=row.answer,
        thinking=row.thinking,
        finish_reason=row.finish_reason,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        checks=tuple(CheckRecord(*check) for check in json.loads(row.checks)),
        timings=json.loads(row.timings),
    )


def _both_sums() -> Any:
    return union_all(select(tables.total), select(tables.removed)).subquery("sums")


def _sum(connection: Connection, where: str, values: dict[str, Any]) -> Totals:
    columns = ", ".join(f"coalesce(sum({measure}), 0)" for measure in MEASURES)
    rows = [
        connection.execute(text(f"SELECT {columns} FROM {name} WHERE {where}"), values).one()  # noqa: S608
        for name in ("total", "removed")
    ]
    return _added([_totals(tuple(row)) for row in rows])


def _totals(figures: Sequence[Any]) -> Totals:
    return Totals(**dict(zip(MEASURES, figures, strict=True)))


def _added(parts: Sequence[Totals]) -> Totals:
    return Totals(**{name: sum(getattr(part, name) for part in parts) for name in MEASURES})


def _midnight(day: str) -> float:
    return datetime.fromisoformat(day).astimezone().timestamp()
