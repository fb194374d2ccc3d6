"""Database access for the transcript check: progress, recorded offloads, results, and groups of sessions."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from server.common.errors import StoreError
from server.store import tables
from server.store.records import (
    FileRecord,
    ReceiptRecord,
    RecordedOffload,
    TranscriptCheckRecord,
    TranscriptRecord,
)
from server.store.tables import (
    RECEIPT_FIGURES,
    call_requests,
    charged_message,
    offload,
    session_arm,
    transcript,
)


def read_known(connection: Connection) -> dict[str, tuple[int, int]]:
    """Return every transcript's size and modification time (nanoseconds) when it was last read."""
    rows = connection.execute(select(transcript.c.path, transcript.c.size, transcript.c.mtime_ns))
    return {row.path: (row.size, row.mtime_ns) for row in rows}


def read_transcript(connection: Connection, path: str) -> TranscriptRecord | None:
    """Return the progress through a transcript, or None if it has never been read."""
    row = connection.execute(select(transcript).where(transcript.c.path == path)).first()
    return None if row is None else TranscriptRecord(*row)


def read_summaries(connection: Connection) -> tuple[str, ...]:
    """Return the summaries of all transcripts, including deleted ones."""
    return tuple(connection.execute(select(transcript.c.summary)).scalars())


def is_charged(connection: Connection, key: int, path: str) -> bool:
    """Return whether a transcript other than ``path`` was charged for this message."""
    found = connection.exec_driver_sql("SELECT owner FROM charged_message WHERE key = ?", (key,)).first()
    return found is not None and found[0] != _owner(path)


def requests_elsewhere(connection: Connection, tool_use_id: str, path: str) -> int:
    """Return the number of requests in transcripts other than ``path`` that sent a call's result."""
    query = "SELECT coalesce(sum(requests), 0) FROM call_requests WHERE tool_use_id = ? AND owner <> ?"
    return int(connection.exec_driver_sql(query, (tool_use_id, _owner(path))).scalar_one())


def read_check(connection: Connection, offload_id: str) -> TranscriptCheckRecord | None:
    """Return the result of one offload's transcript check; None if it has not been checked."""
    seq = seq_of(connection, offload_id)
    row = connection.execute(select(tables.audit).where(tables.audit.c.seq == seq)).first()
    return None if row is None else check_of(row)


def check_of(row: Row[Any]) -> TranscriptCheckRecord:
    """Return the transcript check's result from a row of ``audit``."""
    receipt = receipt_of(row, row.family)
    return TranscriptCheckRecord(row.audited_at, row.ending, row.survived, bool(row.measured), receipt)


def read_recorded(connection: Connection, tool_use_id: str) -> tuple[RecordedOffload, ...]:
    """Return the ended offloads from one of the client's calls, in order."""
    rows = connection.execute(
        select(offload, tables.offload_text.c.diff)
        .outerjoin(tables.offload_text, tables.offload_text.c.seq == offload.c.seq)
        .where(offload.c.tool_use_id == tool_use_id, offload.c.outcome != "running")
        .order_by(offload.c.seq)
    )
    return tuple(_recorded(connection, row) for row in rows)


def write_pass(
    connection: Connection,
    record: TranscriptRecord,
    findings: Iterable[tuple[str, TranscriptCheckRecord]],
    charged: Iterable[int] = (),
    requests: Mapping[str, int] | None = None,
) -> None:
    """Write the progress through a transcript together with its results, the messages it was charged for, and
    the number of requests that sent each call's result (by tool use id).
    """
    values = asdict(record)
    row = upsert(transcript).values(**values)
    connection.execute(row.on_conflict_do_update(index_elements=["path"], set_=values))
    keys = [{"key": key, "owner": _owner(record.path)} for key in charged]
    if keys:
        connection.execute(upsert(charged_message).on_conflict_do_nothing(), keys)
    for use_id, count in (requests or {}).items():
        values = {"tool_use_id": use_id, "owner": _owner(record.path), "requests": count}
        sent = upsert(call_requests).values(**values)
        connection.execute(sent.on_conflict_do_update(index_elements=["tool_use_id", "owner"], set_=values))
    for offload_id, audit in findings:
        write_transcript_check(connection, offload_id, audit)


def write_transcript_check(connection: Connection, offload_id: str, audit: TranscriptCheckRecord) -> None:
    """Write or replace the result of one offload's transcript check."""
    seq = seq_of(connection, offload_id)
    found = receipt_values(audit.receipt)
    nets = {"audited_net_tokens": found["net_tokens"], "audited_net_microusd": found["net_microusd"]}
    connection.execute(update(offload).where(offload.c.seq == seq).values(**nets))
    values = {
        "seq": seq,
        "audited_at": audit.audited_at,
        "ending": audit.ending,
        "survived": audit.survived,
        "measured": audit.measured,
        **found,
    }
    row = upsert(tables.audit).values(**values)
    connection.execute(row.on_conflict_do_update(index_elements=["seq"], set_=values))
    if connection.scalar(select(offload.c.undone).where(offload.c.seq == seq)):  # undone during the pass
        set_savings_to_zero(connection, seq)


def set_savings_to_zero(connection: Connection, seq: int) -> None:
    """Set an offload's savings to zero, in both its receipt and its checked receipt. The cost remains. The
    user's own call would have saved nothing either.
    """
    audit = tables.audit
    connection.execute(update(audit).where(audit.c.seq == seq).values(**_cost_alone(audit)))
    found = connection.execute(
        select(audit.c.net_tokens, audit.c.net_microusd).where(audit.c.seq == seq)
    ).first()
    audited = dict(zip(("audited_net_tokens", "audited_net_microusd"), found or (None, None), strict=True))
    values = _cost_alone(offload) | audited | {"would_save_tokens": 0}
    connection.execute(update(offload).where(offload.c.seq == seq).values(**values))


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


def _cost_alone(receipt: Table) -> dict[str, Any]:
    """Return the column values that reduce a receipt in ``offload`` or ``audit`` to its cost, with no
    savings.
    """
    cost = receipt.c.spent_output + receipt.c.spent_input + receipt.c.spent_share
    return {
        "spared_input": 0,
        "spared_output": 0,
        "spared_microusd": 0,
        "spared_turns": 0,
        "net_tokens": -cost,
        "net_microusd": -receipt.c.spent_microusd,
    }


def read_success(connection: Connection) -> dict[str, float]:
    """Return, by form of work, the share of this user's attempted calls that delivered or returned a result.
    An offload whose output is one of its inputs counts as an edit.
    """
    rows = connection.exec_driver_sql(_SUCCESS)
    return {row[0]: row[1] / (row[1] + row[2]) for row in rows if row[1] + row[2]}


def read_endings(connection: Connection) -> dict[str, int]:
    """Return the number of checked offloads by ending."""
    rows = connection.exec_driver_sql("SELECT ending, count(*) FROM audit GROUP BY ending")
    return {row[0]: row[1] for row in rows}


def _owner(path: str) -> int:
    return zlib.crc32(path.encode("utf-8", "surrogatepass"))


def seq_of(connection: Connection, offload_id: str) -> int:
    """Return an offload's sequence number.

    Raises:
        StoreError: no offload has this id.
    """
    seq = connection.scalar(_SEQ_OF, {"of": offload_id})
    if seq is None:
        raise unknown(offload_id)
    return int(seq)


def unknown(offload_id: str) -> StoreError:
    """Return the error for an unknown offload id."""
    return StoreError(f"The history has no offload {offload_id}.", "Look up the offload's id in the list.")


def receipt_values(receipt: ReceiptRecord | None) -> dict[str, Any]:
    """Return a receipt as column values; None becomes zeros."""
    if receipt is None:
        return {"family": "", "price_model": "", "terms": "", **dict.fromkeys(RECEIPT_FIGURES, 0)}
    return dict(vars(receipt))


def receipt_of(row: Row[Any], family: str) -> ReceiptRecord:
    """Return the receipt from a row of ``offload`` or ``audit``."""
    figures = {name: getattr(row, name) for name in RECEIPT_FIGURES}
    return ReceiptRecord(family=family, price_model=row.price_model, terms=row.terms, **figures)


def _recorded(connection: Connection, row: Row[Any]) -> RecordedOffload:
    inputs = connection.execute(
        select(tables.file)
        .where(tables.file.c.seq == row.seq, tables.file.c.role == "input")
        .order_by(tables.file.c.position)
    )
    return RecordedOffload(
        id=row.id,
        tool=row.tool,
        outcome=row.outcome,
        project=row.project,
        output=row.output or "",
        diff=row.diff or "",
        inputs=tuple(FileRecord(file.path, file.role, file.digest, file.size) for file in inputs),
        receipt=receipt_of(row, row.family),
        job_id=row.job_id or "",
    )


_SUCCESS = """
SELECT form, sum(outcome IN ('delivered', 'returned')), sum(outcome IN ('handed_back', 'failed')) FROM (
    SELECT outcome, CASE
        WHEN tool = 'compress_context' THEN 'files read'
        WHEN tool = 'batch_offload' OR job_id IS NOT NULL THEN 'turns that wrote one file each'
        WHEN EXISTS (SELECT 1 FROM file WHERE file.seq = offload.seq AND role = 'input' AND path = output)
            THEN 'edits'
        ELSE 'files written' END AS form
    FROM offload
) GROUP BY form
UNION ALL
SELECT 'output of commands', sum(loss = ''), sum(loss <> '') FROM result_digest HAVING count(*)
"""

# Built once: building a statement takes as long as running it.
_SEQ_OF = select(offload.c.seq).where(offload.c.id == bindparam("of"))
