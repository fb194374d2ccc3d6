"""What a batch's calls cost Claude: added up in the job's row, then divided among the rows of its
offloads.
"""

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

UNUSED = "The batch ended before any of its items began."


@dataclass(frozen=True)
class BatchCostRecord:
    """Tokens and turns that a batch's calls have cost so far, as in ``ReceiptRecord``."""

    spent_output: int = 0
    spent_input: int = 0
    spent_share: int = 0
    spent_turns: int = 0


ShareCost = Callable[[ReceiptRecord, BatchCostRecord, int, int], ReceiptRecord]
"""Called with an offload's receipt, the batch's cost, the offload's index (from 0) and the number of
offloads. Returns the receipt with the offload's share of the cost."""


def add_cost(connection: Connection, job_id: str, cost: BatchCostRecord) -> None:
    """Add the cost of one call to the batch's row."""
    columns = {name: job.c[name] + value for name, value in asdict(cost).items()}
    connection.execute(update(job).where(job.c.id == job_id).values(**columns))


def distribute_cost(connection: Connection, job_id: str, share_cost: ShareCost) -> bool:
    """Divide the batch's cost among all its offloads that have ended, including failed tries.

    Returns:
        False if no offload has ended.
    """
    found = connection.execute(select(*_COST).where(job.c.id == job_id)).first()
    if found is None:
        return False
    cost = BatchCostRecord(*found)
    ended = select(offload).where(offload.c.job_id == job_id, offload.c.outcome != RUNNING)
    rows = connection.execute(ended.order_by(offload.c.seq)).all()
    for index, row in enumerate(rows):
        before = receipt_of(row, row.family)
        receipt = share_cost(before, cost, index, len(rows))
        if receipt != before:  # in a large batch most shares do not change
            connection.execute(update(offload).where(offload.c.seq == row.seq).values(**asdict(receipt)))
    return bool(rows)


def record_unused_call(
    connection: Connection, job_id: str, price: Callable[[BatchCostRecord], ReceiptRecord], *, contents: bool
) -> None:
    """Write the cost of a batch that ended before any item started, as a separate row."""
    found = connection.execute(select(job).where(job.c.id == job_id)).first()
    if found is None:
        return
    cost = BatchCostRecord(found.spent_output, found.spent_input, found.spent_share, found.spent_turns)
    if not any(asdict(cost).values()):
        return  # the user started it from a shell
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
        "summary": UNUSED,
        "job_id": job_id,
        **receipt_values(price(cost)),
    }
    _insert(connection, values)


def record_status_call(
    connection: Connection, start: OffloadStart, summary: str, receipt: ReceiptRecord
) -> None:
    """Write the cost of a call that asked about one of the user's own batches, as a separate row."""
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
    """Insert a row for a call that did not run a model."""
    key = connection.execute(insert(offload).values(**values)).inserted_primary_key
    connection.execute(insert(offload_text).values(seq=key[0] if key else None, arguments="{}"))


_COST = tuple(job.c[name] for name in ("spent_output", "spent_input", "spent_share", "spent_turns"))
