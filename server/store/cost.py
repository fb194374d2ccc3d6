"""What the calls of a batch cost Claude: added up on the job's row, spread over the rows of its offloads."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from server.store.job_tables import job
from server.store.queries import local_day
from server.store.records import OffloadStart, ReceiptRecord
from server.store.tables import offload, offload_text
from server.store.totals import RUNNING
from server.store.transcript_checks import receipt_of, receipt_values

FOR_NOTHING = "The batch ended before any of its items began."


@dataclass(frozen=True)
class BillRecord:
    """Tokens that the calls of one batch have cost so far, as in ``ReceiptRecord``."""

    spent_output: int = 0
    spent_input: int = 0
    spent_share: int = 0


Rebook = Callable[[ReceiptRecord, BillRecord, int, int], ReceiptRecord]
"""From an offload's receipt, the batch's bill, the offload's number (from 0) and their count to the receipt
with its part of the bill."""


def add_to_bill(connection: Connection, job_id: str, cost: BillRecord) -> None:
    """Add what a call of the batch cost to its bill."""
    columns = {name: job.c[name] + value for name, value in asdict(cost).items()}
    connection.execute(update(job).where(job.c.id == job_id).values(**columns))


def spread_bill(connection: Connection, job_id: str, rebook: Rebook) -> bool:
    """Divide the bill anew among all of the batch's offloads that ended, tries that failed too; False where
    there are none."""
    found = connection.execute(select(*_BILL).where(job.c.id == job_id)).first()
    if found is None:
        return False
    bill = BillRecord(*found)
    mine = select(offload).where(offload.c.job_id == job_id, offload.c.outcome != RUNNING)
    rows = connection.execute(mine.order_by(offload.c.seq)).all()
    for number, row in enumerate(rows):
        booked = receipt_of(row, row.family)
        receipt = rebook(booked, bill, number, len(rows))
        if receipt != booked:  # of many items most bear what they bore
            connection.execute(update(offload).where(offload.c.seq == row.seq).values(**asdict(receipt)))
    return bool(rows)


def book_call(
    connection: Connection, job_id: str, price: Callable[[BillRecord], ReceiptRecord], *, contents: bool
) -> None:
    """Write the row of a batch that ended before any of its items began: what its calls cost, for nothing."""
    found = connection.execute(select(job).where(job.c.id == job_id)).first()
    if found is None:
        return
    bill = BillRecord(found.spent_output, found.spent_input, found.spent_share)
    if not any(asdict(bill).values()):
        return  # the user began it, from a shell
    outcome = "denied" if found.state == "done" else "cancelled"
    values = {
        "id": f"{job_id}-call",
        "started_at": found.created_at,
        "ended_at": time.time(),
        "day": local_day(found.created_at),
        "tool": "batch_offload",
        "task": found.task if contents else "",
        "names": "",
        "client": found.client,
        "session": found.session,
        "tool_use_id": found.tool_use_id,
        "project": found.project,
        "outcome": outcome,
        "code": outcome,
        "summary": FOR_NOTHING,
        "job_id": job_id,
        **receipt_values(price(bill)),
    }
    _insert(connection, values)


def book_question(connection: Connection, start: OffloadStart, summary: str, receipt: ReceiptRecord) -> None:
    """Write the row of a call that asked about a batch of the user's own: its cost is its own."""
    values = {
        "id": start.id,
        "started_at": start.started_at,
        "ended_at": time.time(),
        "day": local_day(start.started_at),
        "tool": start.tool,
        "task": start.task,
        "names": "",
        "client": start.client,
        "session": start.session,
        "project": start.project,
        "outcome": "returned",
        "summary": summary,
        **receipt_values(receipt),
    }
    _insert(connection, values)


def _insert(connection: Connection, values: dict[str, Any]) -> None:
    """Write the row of a call that ran no model."""
    key = connection.execute(insert(offload).values(**values)).inserted_primary_key
    connection.execute(insert(offload_text).values(seq=key[0] if key else None, arguments="{}"))


_BILL = tuple(job.c[name] for name in ("spent_output", "spent_input", "spent_share"))
