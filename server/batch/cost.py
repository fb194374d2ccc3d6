"""What a batch costs Claude, counted once: the batch's call, its result, and every ``check_job``.

While a batch runs, each item carries a share of the cost of the call that started it. When the batch ends,
the total cost is divided again among its offloads, so their receipts add up to it exactly. If there were no
offloads (the batch was cancelled before its first item), a separate row carries the cost. A batch started by
the user has no cost; an agent's calls about such a batch get separate rows.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, replace
from typing import Any

from sqlalchemy import Connection, select

from server.ledger.receipt import Cost, Ledger
from server.ledger.terms import TURN, Figures, Terms, former_terms
from server.offload.values import Caller, ItemOf
from server.store.cost import (
    BatchCostRecord,
    add_cost,
    distribute_cost,
    record_status_call,
    record_unused_call,
)
from server.store.history import History
from server.store.job_records import ItemRecord, JobRecord
from server.store.job_states import OPEN
from server.store.job_tables import job as jobs
from server.store.records import OffloadStart, ReceiptRecord


class CallCosts:
    """Tracks the costs of all batches. Methods can raise ``StoreError``."""

    def __init__(self, history: History, ledger: Ledger) -> None:
        self._database = history.database
        self._contents = history.contents
        self._ledger = ledger

    def of_call(self, arguments: Mapping[str, Any] | None) -> BatchCostRecord:
        """Return the cost of the call that starts a batch, without its result; zero if no agent called."""
        if arguments is None:
            return BatchCostRecord()
        return BatchCostRecord(self._ledger.cost_of_call(arguments), 0, self._ledger.share, TURN)

    def of_item(self, job: JobRecord, item: ItemRecord, items: int) -> ItemOf:
        """Return an item's share of the cost while the batch runs; zero for a retry."""
        whole = Cost(job.spent_output, job.spent_input, job.spent_share, job.spent_turns)
        return ItemOf(job.id, whole.part(item.position, items) if item.tries <= 1 else Cost())

    def of_answer(self, arguments: Mapping[str, Any] | None, text: str) -> BatchCostRecord:
        """Return the cost of the answer ``text``. With ``arguments``, add the cost of the call that requested
        it.
        """
        answer = BatchCostRecord(spent_input=self._ledger.cost_of_result(text))
        if arguments is None:
            return answer
        return replace(answer, spent_output=self._ledger.cost_of_call(arguments), spent_turns=TURN)

    async def charge(self, job: JobRecord, cost: BatchCostRecord, caller: Caller | None = None) -> None:
        """Add the cost of a call, and divide the total again unless the batch is still running. If an agent
        asks about the user's own batch, the cost gets a separate row.
        """
        if job.by_user and caller is not None:
            await self._book_question(job.id, caller, cost)
            return
        job_id = job.id

        def write(connection: Connection) -> None:
            add_cost(connection, job_id, cost)
            state = connection.scalar(select(jobs.c.state).where(jobs.c.id == job_id))
            if state not in OPEN:
                self.dividing(job_id)(connection)
            elif state != "running":
                distribute_cost(connection, job_id, self._rebook)

        await self._database.write(write)

    async def _book_question(self, job_id: str, caller: Caller, cost: BatchCostRecord) -> None:
        start = OffloadStart(
            id=secrets.token_hex(4),
            started_at=time.time(),
            tool="check_job",
            task=f"Look at your batch {job_id}",
            arguments={},
            client=caller.client,
            session=caller.session,
            tool_use_id=None,
            project=str(caller.project or ""),
            output=None,
        )
        summary = f"The agent asked about batch {job_id}, which you started."
        receipt = self._price(cost)
        await self._database.write(lambda connection: record_status_call(connection, start, summary, receipt))

    async def divide(self, job_id: str) -> None:
        """Divide the total cost among the offloads. The batch has ended or is about to end."""
        await self._database.write(self.dividing(job_id))

    def dividing(self, job_id: str) -> Callable[[Connection], None]:
        """Return a function that divides the cost within the caller's transaction; see ``divide``."""

        def divide(connection: Connection) -> None:
            if not distribute_cost(connection, job_id, self._rebook):
                record_unused_call(connection, job_id, self._price, contents=self._contents)

        return divide

    def _price(self, bill: BatchCostRecord) -> ReceiptRecord:
        return self._ledger.price(_figures(0, 0, 0, Cost(*astuple(bill)))).as_record()

    def _rebook(
        self, receipt: ReceiptRecord, bill: BatchCostRecord, number: int, count: int
    ) -> ReceiptRecord:
        mine = Cost(*astuple(bill)).part(number, count)
        figures = _figures(receipt.spared_input, receipt.spared_output, receipt.spared_turns, mine)
        terms = self._terms_of(receipt)
        return self._ledger.price(figures, terms=terms, assumed=terms.assumed).as_record()

    def _terms_of(self, receipt: ReceiptRecord) -> Terms:
        """Return the terms used to calculate the receipt. A receipt keeps the prices of its time."""
        if (terms := Terms.from_json(receipt.terms)) is not None:
            return terms
        prices = self._ledger.prices
        return former_terms(prices.find(receipt.price_model), prices.dated.isoformat())


def _figures(saved_input: int, saved_output: int, saved_turns: int, cost: Cost) -> Figures:
    return Figures(
        saved_input, saved_output, cost.output, cost.input, cost.share, saved_turns, cost_turns=cost.turns
    )
