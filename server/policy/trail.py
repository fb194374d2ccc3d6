"""The audit trail: append-only rows, each chained to the previous one by SHA-256.

``hash = SHA-256(hash of the previous row, the row's own fields)``. Edits, gaps and reordering break the
chain. ``trail_end`` in the database and the file ``trail.head`` next to it reveal rows removed from the end.
Expired rows are removed from the beginning, and ``trail_end`` keeps the hash that the remaining rows are
chained to. Anyone who can write all these files can forge all of them, but an export kept elsewhere reveals
the forgery.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from server.common.atomic_write import PRIVATE, replace_file
from server.common.days import days_ago
from server.policy.values import NO_RULE
from server.store.database import Database
from server.store.policy_tables import trail, trail_end

logger = logging.getLogger(__name__)

KINDS = (
    "decision",
    "approval",
    "offload",
    "write",
    "undo",
    "connection",
    "settings",
    "policy",
    "pause",
    "secrets",
    "trail",
)
FIRST = "0" * 64
"""The hash that the first row is chained to."""
LONGEST_TEXT = 2000
TOGETHER_SECONDS = 0.1
"""Maximum delay before ``trail.head`` is written (seconds), so that a call's rows share one write."""


@dataclass(frozen=True)
class TrailEntry:
    """An entry to record. ``kind`` is one of ``KINDS``; ``details`` must be JSON."""

    kind: str
    text: str
    tool: str = ""
    client: str = ""
    session: str = ""
    project: str = ""
    verdict: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A row: an entry with its number (from 1), its time (seconds since the epoch) and its hash."""

    seq: int
    at: float
    kind: str
    tool: str
    client: str
    session: str
    project: str
    verdict: str
    text: str
    details: str
    hash: str

    def chained_to(self, previous: str) -> str:
        """Return the hash of this row when it follows a row with the hash ``previous``."""
        own = [getattr(self, name) for name in _SIGNED]
        return sha256(json.dumps([previous, *own], ensure_ascii=True).encode()).hexdigest()


_SIGNED = tuple(each.name for each in fields(Record) if each.name != "hash")


@dataclass(frozen=True)
class End:
    """One end of the chain: a row's number and hash, or (0, ``FIRST``) before the first row."""

    seq: int = 0
    hash: str = FIRST


@dataclass(frozen=True)
class Verification:
    """Result of checking the chain. ``problem`` is empty if the chain is intact."""

    rows: int
    first: int
    last: int
    problem: str = ""


class Trail:
    """Writes and reads the trail. Every method can raise ``StoreError``."""

    def __init__(self, database: Database, head_file: Path) -> None:
        self._database = database
        self._head_file = head_file
        self._head = End()
        self._saving: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def open(self) -> None:
        """Record it if the trail's end is missing, for example after a damaged history was replaced."""
        outside = read_head(self._head_file)
        inside = await self._database.read(lambda connection: _end(connection, "head"))
        if outside is not None and outside.seq > inside.seq:
            lost = f"{outside.seq - inside.seq} rows at the end are missing: {outside.seq} were written."
            await self.record(TrailEntry("trail", lost, verdict="broken"))

    async def close(self) -> None:
        """Write any pending changes to ``trail.head``."""
        self._hurry.set()
        if self._saving is not None:
            await self._saving
        self._hurry.clear()

    async def record(self, entry: TrailEntry) -> Record:
        """Append a row to the trail."""
        record = await self._database.write(lambda connection: append(connection, entry, time.time()))
        self.wrote(record)
        return record

    def wrote(self, record: Record) -> None:
        """Note a row that was appended and committed in a transaction along with other changes."""
        if record.seq != self._head.seq:
            self._head = End(record.seq, record.hash)
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save_head())

    async def search(
        self,
        text: str = "",
        kind: str = "",
        limit: int = 100,
        before: int | None = None,
        *,
        ruled: bool = False,
    ) -> tuple[Record, ...]:
        """Return rows whose fields contain ``text``, newest first. ``before`` is a row number for the next
        page. ``ruled`` omits calls that no rule applied to.
        """
        return await self._database.read(
            lambda connection: find(connection, text, kind, limit, before, ruled=ruled)
        )

    async def verify(self) -> Verification:
        """Verify the whole chain."""
        await self.close()
        outside = read_head(self._head_file)
        return await self._database.read(lambda connection: verify(connection, outside))

    async def prune(self, days: int) -> int:
        """Remove rows older than ``days``, record the removal, and return the number of rows removed."""
        before = days_ago(days)
        removed = await self._database.write(lambda connection: _prune(connection, before))
        if removed:
            await self.record(TrailEntry("trail", f"{removed} rows older than {days} days were removed."))
        return removed

    async def _save_head(self) -> None:
        saved = None
        while saved != self._head:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TOGETHER_SECONDS):
                    await self._hurry.wait()
            saved = self._head
            try:
                await asyncio.to_thread(_write_head, self._head_file, saved)
            except OSError as error:
                # The disk is full, or on Windows another program reads the file. The next row tries again.
                logger.warning("%s cannot be written: %s", self._head_file, error)


def append(connection: Connection, entry: TrailEntry, at: float) -> Record:
    """Append a row inside the caller's write transaction."""
    head = _end(connection, "head")
    details = json.dumps(dict(entry.details), ensure_ascii=True, sort_keys=True, default=str)
    unsigned = Record(
        seq=head.seq + 1,
        at=at,
        kind=entry.kind,
        tool=_clean(entry.tool),
        client=_clean(entry.client),
        session=_clean(entry.session),
        project=_clean(entry.project),
        verdict=entry.verdict,
        text=_clean(entry.text),
        details=details,
        hash="",
    )
    record = replace(unsigned, hash=unsigned.chained_to(head.hash))
    connection.execute(_APPEND, vars(record))
    _set_end(connection, "head", End(record.seq, record.hash))
    return record


def verify(connection: Connection, outside: End | None) -> Verification:
    """Verify the chain from beginning to end. ``outside`` is the end according to ``trail.head``."""
    start, head = _end(connection, "start"), _end(connection, "head")
    seen_outside = outside is None or outside.seq <= start.seq
    previous, count = start, 0
    for record in _rows(connection):
        if record.seq != previous.seq + 1:
            gap = f"{previous.seq + 1}" if record.seq == previous.seq + 2 else f"after {previous.seq}"
            return Verification(count, start.seq + 1, previous.seq, f"Row {gap} is missing.")
        if record.hash != record.chained_to(previous.hash):
            return Verification(count, start.seq + 1, previous.seq, f"Row {record.seq} was changed.")
        if outside is not None and record.seq == outside.seq:
            seen_outside = record.hash == outside.hash
            if not seen_outside:
                return Verification(count, start.seq + 1, previous.seq, f"Row {record.seq} was rewritten.")
        previous, count = End(record.seq, record.hash), count + 1
    problem = ""
    if previous != head or not seen_outside:
        written = max(head.seq, outside.seq if outside else 0)
        problem = f"The end is missing: {written} rows were written, but the last row here is {previous.seq}."
    elif outside is None and count:
        problem = "trail.head is missing, so rows removed from the end cannot be detected."
    return Verification(count, start.seq + 1, previous.seq, problem)


def find(
    connection: Connection, text: str, kind: str, limit: int, before: int | None, *, ruled: bool = False
) -> tuple[Record, ...]:
    """Return rows, newest first. ``ruled`` omits calls that no rule applied to."""
    query = select(trail).order_by(trail.c.seq.desc()).limit(limit)
    if ruled:
        query = query.where(or_(trail.c.kind != "decision", trail.c.text != NO_RULE))
    if kind:
        query = query.where(trail.c.kind == kind)
    if before is not None:
        query = query.where(trail.c.seq < before)
    if text:
        columns = (trail.c.text, trail.c.tool, trail.c.client, trail.c.project, trail.c.verdict)
        # Only the values in the details are searched, because each row has the same keys.
        values = func.json_tree(trail.c.details).table_valued("atom")
        in_details = select(values.c.atom).where(values.c.atom.contains(text, autoescape=True)).exists()
        query = query.where(or_(*(column.contains(text, autoescape=True) for column in columns), in_details))
    return tuple(_record(row) for row in connection.execute(query))


def export_lines(connection: Connection) -> Iterator[str]:
    """Yield the trail as JSON lines: first the hash it is chained to, then its rows, oldest first."""
    start = _end(connection, "start")
    yield json.dumps({"start": asdict(start)})
    for record in _rows(connection):
        yield json.dumps({**asdict(record), "details": json.loads(record.details)}, ensure_ascii=False)


def verify_lines(lines: Iterator[str]) -> Verification:
    """Verify an export without the database. Rows removed from its end cannot be detected.

    Raises:
        ValueError: the lines are not an export.
    """
    first = json.loads(next(lines, "null"))
    if not isinstance(first, dict) or "start" not in first:
        raise ValueError("the first line is not the start of an export")
    start = previous = End(**first["start"])
    count = 0
    for line in lines:
        row = json.loads(line)
        row["details"] = json.dumps(row["details"], ensure_ascii=True, sort_keys=True)
        record = Record(**row)
        if record.seq != previous.seq + 1 or record.hash != record.chained_to(previous.hash):
            problem = f"Row {record.seq} does not follow from row {previous.seq}."
            return Verification(count, start.seq + 1, previous.seq, problem)
        previous, count = End(record.seq, record.hash), count + 1
    return Verification(count, start.seq + 1, previous.seq)


def read_head(path: Path) -> End | None:
    """Return the trail's end from the file next to the database; None if the file is missing."""
    try:
        return End(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_head(path: Path, head: End) -> None:
    replace_file(path, json.dumps(asdict(head)).encode(), mode=PRIVATE)


def _rows(connection: Connection) -> Iterator[Record]:
    rows = connection.execution_options(yield_per=1000).execute(select(trail).order_by(trail.c.seq))
    return (_record(row) for row in rows)


def _record(row: Row[Any]) -> Record:
    return Record(**row._mapping)  # noqa: SLF001 - public in SQLAlchemy despite the underscore


def _end(connection: Connection, name: str) -> End:
    row = connection.execute(_END, {"end": name}).first()
    return End() if row is None else End(row.seq, row.hash)


def _set_end(connection: Connection, name: str, end: End) -> None:
    connection.execute(_SET_END, {"name": name, **vars(end)})


def _prune(connection: Connection, before: float) -> int:
    """Remove the unbroken run of old rows at the start. If the clock was set back, some rows stay longer."""
    young = connection.scalar(select(trail.c.seq).where(trail.c.at >= before).order_by(trail.c.seq).limit(1))
    query = select(trail).order_by(trail.c.seq.desc()).limit(1)
    last = connection.execute(query if young is None else query.where(trail.c.seq < young)).first()
    if last is None:
        return 0
    removed = connection.execute(delete(trail).where(trail.c.seq <= last.seq)).rowcount
    _set_end(connection, "start", End(last.seq, last.hash))
    return int(removed)


def _clean(text: str) -> str:
    """Make text acceptable to the database, because paths can contain invalid Unicode."""
    return text[:LONGEST_TEXT].encode("utf-8", "backslashreplace").decode("utf-8")


# Built once: building a statement takes as long as running it, and every call runs these statements.
_APPEND = insert(trail)
_END = select(trail_end).where(trail_end.c.name == bindparam("end"))
_UPSERT = upsert(trail_end)
_SET_END = _UPSERT.on_conflict_do_update(
    index_elements=["name"], set_={"seq": _UPSERT.excluded.seq, "hash": _UPSERT.excluded.hash}
)
