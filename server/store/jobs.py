"""Batches in the database: stored before their first token is generated, then updated item by item."""

import json
import time
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, case, delete, func, insert, select, update

from server.store.database import Database
from server.store.job_records import FailureGroup, ItemRecord, JobCounts, JobRecord
from server.store.job_states import ITEM_TRANSITIONS, JOB_TRANSITIONS, OPEN, UNSUCCESSFUL, JobState
from server.store.job_tables import item as items
from server.store.job_tables import job as jobs
from server.store.tables import offload
from server.store.totals import RUNNING

MOST_GROUPS = 20
CANCELLED = "cancelled"


class Jobs:
    """Reads and writes jobs and their items. Every method can raise ``StoreError``.

    Args:
        contents: False removes a job's text (its tasks, and messages about their results) once the job is
            done or cancelled. Until then, the work needs them.
    """

    def __init__(self, database: Database, contents: bool = True) -> None:
        self._database = database
        self._contents = contents

    async def create(self, job: JobRecord, work: tuple[ItemRecord, ...]) -> None:
        """Write a job and its items in one transaction."""

        def write(connection: Connection) -> None:
            connection.execute(insert(jobs).values(**_job_values(job)))
            connection.execute(insert(items), [_item_values(job.id, each) for each in work])

        await self._database.write(write)

    async def get(self, job_id: str) -> JobRecord | None:
        """Return the job, or None if it does not exist."""

        def read(connection: Connection) -> JobRecord | None:
            row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
            return None if row is None else _job(row)

        return await self._database.read(read)

    async def open_jobs(self) -> tuple[JobRecord, ...]:
        """Return the running and paused jobs, oldest first."""

        def read(connection: Connection) -> tuple[JobRecord, ...]:
            found = connection.execute(select(jobs).where(jobs.c.state.in_(OPEN)).order_by(jobs.c.created_at))
            return tuple(_job(row) for row in found)

        return await self._database.read(read)

    async def ids_with_running_items(self) -> tuple[str, ...]:
        """Return the ids of jobs with items marked as running, whatever the job's state."""
        await self._database.flush()
        query = select(items.c.job_id).where(items.c.state == "running").distinct()
        return tuple(await self._database.read(lambda connection: connection.execute(query).scalars().all()))

    async def page(self, limit: int = 50, before: float | None = None) -> tuple[JobRecord, ...]:
        """Return jobs created before ``before`` (seconds since the epoch), newest first."""

        def read(connection: Connection) -> tuple[JobRecord, ...]:
            query = select(jobs).order_by(jobs.c.created_at.desc()).limit(limit)
            if before is not None:
                query = query.where(jobs.c.created_at < before)
            return tuple(_job(row) for row in connection.execute(query))

        return await self._database.read(read)

    async def set_state(self, job_id: str, state: JobState, reason: str) -> None:
        """Change the job's state. Terminal states also record when the job ended."""
        ended = None if state in OPEN else time.time()

        def write(connection: Connection) -> None:
            connection.execute(
                update(jobs).where(jobs.c.id == job_id).values(state=state, reason=reason, ended_at=ended)
            )

        await self._database.write(write)

    async def pause(self, job_id: str, *, user_locked: bool) -> None:
        """Pause a job. Set ``user_locked`` if it is the user who pauses it."""
        values = {"state": "paused", "reason": "", "ended_at": None, **_lock(user_locked)}

        def write(connection: Connection) -> None:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))

        await self._database.write(write)

    async def restart(self, job_id: str, deadline: float | None, token_budget: int) -> None:
        """Set a paused or ended job back to running, with these limits."""

        def write(connection: Connection) -> None:
            limits = {"deadline": deadline, "token_budget": token_budget}
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**_RESTARTED, **limits))

        await self._database.write(write)

    async def finish(self, job_id: str, also: Callable[[Connection], None]) -> bool:
        """Mark a running job as done, calling ``also`` in the same transaction.

        Returns:
            False if items are still waiting, so the job must continue.
        """

        def write(connection: Connection) -> bool:
            running = (jobs.c.id == job_id, jobs.c.state == "running")
            waiting = select(items.c.position).where(items.c.job_id == job_id, items.c.state == "waiting")
            if connection.execute(select(jobs.c.id).where(*running, waiting.exists())).first():
                return False
            connection.execute(update(jobs).where(*running).values(state="done", ended_at=time.time()))
            also(connection)
            self._forget_texts(connection, job_id)
            return True

        return await self._database.write(write)

    async def start_next_item(self, job_id: str, offload_id: str) -> ItemRecord | None:
        """Mark the first waiting item as running and return it; None if no item can start.

        An item has to wait while another item is writing the same output file.
        """

        def write(connection: Connection) -> ItemRecord | None:
            of_job = items.c.job_id == job_id
            busy = select(items.c.output).where(of_job, items.c.state == "running", items.c.output != "")
            found = connection.execute(
                select(items)
                .where(of_job, items.c.state == "waiting", items.c.output.not_in(busy))
                .order_by(items.c.position)
                .limit(1)
            ).first()
            if found is None:
                return None
            started = {"state": "running", "offload_id": offload_id, "tries": found.tries + 1}
            connection.execute(_at(job_id, found.position).values(**started))
            return _item(found, **started)

        return await self._database.write(write)

    async def finish_item(self, job_id: str, ended: ItemRecord) -> None:
        """Write an item's result."""
        values = _item_values(job_id, ended)
        changed = {key: values[key] for key in _OUTCOME}

        def write(connection: Connection) -> None:
            connection.execute(_at(job_id, ended.position).values(**changed))

        await self._database.write(write)

    async def requeue(self, job_id: str, position: int, *, tried: bool = False) -> None:
        """Put a running item back in the queue. If it was cancelled in the meantime, it ends as cancelled.

        Args:
            tried: whether the start counts as a try.
        """

        def write(connection: Connection) -> None:
            state = case((items.c.code == CANCELLED, CANCELLED), else_="waiting")
            tries = items.c.tries - (0 if tried else 1)
            connection.execute(_at(job_id, position).values(state=state, offload_id=None, tries=tries))

        await self._database.write(write)

    async def cancel(self, job_id: str, *, user_locked: bool = False) -> None:
        """Cancel a job and its waiting items. Running items end as cancelled when they are requeued.

        Args:
            user_locked: whether it is the user who cancels the job. This also locks items cancelled earlier.
        """

        def write(connection: Connection) -> None:
            values = {"state": CANCELLED, "reason": "", "ended_at": time.time(), **_lock(user_locked)}
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))
            _cancel_items(connection, items.c.job_id == job_id, user_locked=user_locked)
            self._forget_texts(connection, job_id)

        await self._database.write(write)

    async def cancel_item(self, job_id: str, position: int, *, user_locked: bool = False) -> str | None:
        """Cancel one item. A running item ends as cancelled once its offload has been cancelled, even if the
        app exits first.

        Returns:
            The id of the item's offload if it is running.
        """

        def write(connection: Connection) -> str | None:
            this = and_(items.c.job_id == job_id, items.c.position == position)
            _cancel_items(connection, this, user_locked=user_locked)
            running = select(items.c.offload_id).where(this, items.c.state == "running")
            return connection.scalar(running)

        return await self._database.write(write)

    async def retry_failed(
        self,
        job_id: str,
        position: int | None = None,
        *,
        deadline: float | None = None,
        token_budget: int = 0,
        include_locked: bool = True,
    ) -> tuple[int, bool]:
        """Put one item, or all items, that ended without a result back in the queue.

        Args:
            position: the item; None for all.
            deadline: the job's new deadline if it had ended. ``token_budget`` is then its new limit.
            include_locked: whether to retry items that the user cancelled.

        Returns:
            The number of items requeued, and whether the job had ended and is now running again.
        """

        def write(connection: Connection) -> tuple[int, bool]:
            again = update(items).where(
                items.c.job_id == job_id, items.c.state.in_(ITEM_TRANSITIONS["retry"].sources)
            )
            if position is not None:
                again = again.where(items.c.position == position)
            if not include_locked:
                again = again.where(items.c.user_locked.is_(False))
            values = {"state": "waiting", "offload_id": None, "code": "", "summary": "", "user_locked": False}
            done = connection.execute(again.values(**values))
            if not done.rowcount:
                return 0, False
            ended = update(jobs).where(
                jobs.c.id == job_id, jobs.c.state.in_(JOB_TRANSITIONS["retry"].sources)
            )
            started = connection.execute(
                ended.values(**_RESTARTED, deadline=deadline, token_budget=token_budget)
            )
            return int(done.rowcount), bool(started.rowcount)

        return await self._database.write(write)

    async def item(self, job_id: str, position: int) -> ItemRecord | None:
        """Return one item, or None if it does not exist."""
        found = await self._items(job_id, items.c.position == position)
        return found[0] if found else None

    async def running_items(self, job_id: str) -> tuple[ItemRecord, ...]:
        """Return the items marked as running, including any whose start was just cancelled."""
        await self._database.flush()
        return await self._items(job_id, items.c.state == "running")

    async def unsuccessful_items(self, job_id: str) -> tuple[ItemRecord, ...]:
        """Return the items that ended without a result, at most 1,000."""
        return await self._items(job_id, items.c.state.in_(UNSUCCESSFUL))

    async def items(
        self, job_id: str, limit: int = 100, after: int = -1, states: Collection[str] = ()
    ) -> tuple[ItemRecord, ...]:
        """Return items after position ``after``, in order; with ``states`` only those in one of them."""
        where = items.c.position > after
        return await self._items(job_id, where & items.c.state.in_(states) if states else where, limit)

    async def counts(self, job_id: str) -> JobCounts:
        """Return the number of items in each state, and their total tokens and seconds."""

        def read(connection: Connection) -> JobCounts:
            rows = connection.execute(
                select(
                    items.c.state,
                    func.count(),
                    func.sum(items.c.tokens),
                    func.sum(items.c.net_tokens),
                    func.sum(items.c.seconds),
                )
                .where(items.c.job_id == job_id)
                .group_by(items.c.state)
            ).all()
            # The offloads' receipts count, because they include their shares of the batch's cost.
            net = connection.scalar(
                select(func.sum(offload.c.net_tokens)).where(
                    offload.c.job_id == job_id, offload.c.outcome != RUNNING
                )
            )
            return JobCounts(
                {row[0]: row[1] for row in rows},
                sum(row[2] for row in rows),
                sum(row[3] for row in rows) if net is None else net,
                sum(row[4] for row in rows),
            )

        return await self._database.read(read)

    async def failures(self, job_id: str) -> tuple[FailureGroup, ...]:
        """Return the unsuccessful items, grouped by code, most frequent first."""

        def read(connection: Connection) -> tuple[FailureGroup, ...]:
            found = connection.execute(
                select(items.c.code, func.count().label("many"), func.min(items.c.position).label("first"))
                .where(items.c.job_id == job_id, items.c.state.in_(("handed_back", "failed", "denied")))
                .group_by(items.c.code)
                .order_by(func.count().desc())
                .limit(MOST_GROUPS)
            ).all()
            return tuple(_group(connection, job_id, row) for row in found)

        return await self._database.read(read)

    async def prune(self, before: float) -> None:
        """Remove jobs that ended before ``before`` (seconds since the epoch)."""

        def write(connection: Connection) -> None:
            connection.execute(delete(jobs).where(jobs.c.ended_at < before))

        await self._database.write(write)

    def _forget_texts(self, connection: Connection, job_id: str) -> None:
        if self._contents:
            return
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(task=""))
        figures = {
            "arguments": func.json_remove(items.c.arguments, "$.task", "$.context"),
            "summary": case((items.c.state.in_(("returned", "handed_back")), ""), else_=items.c.summary),
        }
        connection.execute(update(items).where(items.c.job_id == job_id).values(**figures))

    async def _items(self, job_id: str, where: Any, limit: int = 1000) -> tuple[ItemRecord, ...]:
        query = select(items).where(items.c.job_id == job_id, where).order_by(items.c.position).limit(limit)

        def read(connection: Connection) -> tuple[ItemRecord, ...]:
            return tuple(_item(row) for row in connection.execute(query))

        return await self._database.read(read)


_RESTARTED = {"state": "running", "reason": "", "ended_at": None, "user_locked": False}
_OUTCOME = ("state", "offload_id", "code", "summary", "tokens", "net_tokens", "seconds")


def _at(job_id: str, position: int) -> Any:
    return update(items).where(items.c.job_id == job_id, items.c.position == position)


def _lock(user_locked: bool) -> dict[str, bool]:
    # Pausing or cancelling by an agent does not remove the user's lock.
    return {"user_locked": True} if user_locked else {}


def _cancel_items(connection: Connection, which: ColumnElement[bool], *, user_locked: bool) -> None:
    """Cancel the waiting items, and mark running items to end as cancelled."""
    state = case((items.c.state == "waiting", CANCELLED), else_=items.c.state)
    unfinished = update(items).where(which, items.c.state.in_(("waiting", "running")))
    connection.execute(unfinished.values(state=state, code=CANCELLED))
    if user_locked:
        connection.execute(update(items).where(which, items.c.code == CANCELLED).values(user_locked=True))


def _group(connection: Connection, job_id: str, row: Row[Any]) -> FailureGroup:
    example = connection.execute(
        select(items.c.summary).where(items.c.job_id == job_id, items.c.position == row.first)
    ).scalar_one()
    return FailureGroup(row.code, row.many, example)


def _job_values(job: JobRecord) -> dict[str, Any]:
    return {**vars(job), "roots": json.dumps(job.roots)}


def _job(row: Row[Any]) -> JobRecord:
    return JobRecord(**{**_values(row, jobs), "roots": tuple(json.loads(row.roots))})


def _item_values(job_id: str, item: ItemRecord) -> dict[str, Any]:
    return {
        **vars(item),
        "job_id": job_id,
        "arguments": json.dumps(item.arguments),
        "output": item.arguments.get("output") or "",
    }


def _item(row: Row[Any], **changed: Any) -> ItemRecord:
    values = {**_values(row, items), **changed, "arguments": json.loads(row.arguments)}
    del values["job_id"], values["output"]
    return ItemRecord(**values)


def _values(row: Row[Any], table: Table) -> dict[str, Any]:
    """Return a row's values by column key."""
    return {column.key: getattr(row, column.key) for column in table.columns}
