"""What the calls of a batch cost Claude: added up on the job's row, spread over the rows of its offloads."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select, update

from server.store.audits import receipt_of
from server.store.job_tables import job
from server.store.records import ReceiptRecord
from server.store.tables import offload
from server.store.totals import RUNNING


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


def spread_bill(connection: Connection, job_id: str, rebook: Rebook) -> None:
    """Divide the bill anew among all of the batch's offloads that ended, tries that failed too."""
    found = connection.execute(select(*_BILL).where(job.c.id == job_id)).first()
    if found is None:
        return
    bill = BillRecord(*found)
    mine = select(offload).where(offload.c.job_id == job_id, offload.c.outcome != RUNNING)
    rows = connection.execute(mine.order_by(offload.c.seq)).all()
    for number, row in enumerate(rows):
        booked = receipt_of(row, row.family)
        receipt = rebook(booked, bill, number, len(rows))
        if receipt != booked:  # of many items most bear what they bore
            connection.execute(update(offload).where(offload.c.seq == row.seq).values(**asdict(receipt)))


_BILL = tuple(job.c[name] for name in ("spent_output", "spent_input", "spent_share"))
