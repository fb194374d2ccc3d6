"""Batches in the store: written before the first token, changed one item at a time."""

import json
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, func, insert, select, update

from server.store.database import Database
from server.store.job_records import DONE_WELL, ENDED, FailureGroup, ItemRecord, JobCounts, JobRecord
from server.store.job_tables import item as items
from server.store.job_tables import job as jobs
from server.store.tables import offload
from server.store.totals import RUNNING

MOST_GROUPS = 20
OPEN = ("running", "paused")
CANCELLED = "cancelled"


class Jobs:
    """Reads and writes jobs and their items. Every method may raise ``StoreError``.

    Without ``contents`` the texts of a job (its tasks, and what was said of their results) go when it is done
    or cancelled; until then the work needs them.
    """

    def __init__(self, database: Database, contents: bool = True) -> None:
        self._database = database
        self._contents = contents

    async def create(self, job: JobRecord, work: tuple[ItemRecord, ...]) -> None:
        """Write a job and its items, all or nothing."""

        def write(connection: Connection) -> None:
            connection.execute(insert(jobs).values(**_job_values(job)))
            connection.execute(insert(items), [_item_values(job.id, each) for each in work])

        await self._database.write(write)

    async def get(self, job_id: str) -> JobRecord | None:
        """Return the job, None if there is none."""

        def read(connection: Connection) -> JobRecord | None:
            row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
            return None if row is None else _job(row)

        return await self._database.read(read)

    async def open_jobs(self) -> tuple[JobRecord, ...]:
        """Return the jobs that run or are paused, oldest first."""

        def read(connection: Connection) -> tuple[JobRecord, ...]:
            found = connection.execute(select(jobs).where(jobs.c.state.in_(OPEN)).order_by(jobs.c.created_at))
            return tuple(_job(row) for row in found)

        return await self._database.read(read)

    async def with_work_in_flight(self) -> tuple[str, ...]:
        """Return the ids of jobs with items marked as running, whatever the state of the job."""
        await self._database.written()
        query = select(items.c.job_id).where(items.c.state == "running").distinct()
        return tuple(await self._database.read(lambda connection: connection.execute(query).scalars().all()))

    async def page(self, limit: int = 50, before: float | None = None) -> tuple[JobRecord, ...]:
        """Return jobs, newest first, those created before ``before``."""

        def read(connection: Connection) -> tuple[JobRecord, ...]:
            query = select(jobs).order_by(jobs.c.created_at.desc()).limit(limit)
            if before is not None:
                query = query.where(jobs.c.created_at < before)
            return tuple(_job(row) for row in connection.execute(query))

        return await self._database.read(read)

    async def set_state(self, job_id: str, state: str, reason: str) -> None:
        """Change the job's state; one that needs no more work gets its end."""
        ended = None if state in OPEN else time.time()

        def write(connection: Connection) -> None:
            connection.execute(
                update(jobs).where(jobs.c.id == job_id).values(state=state, reason=reason, ended_at=ended)
            )

        await self._database.write(write)

    async def pause(self, job_id: str, *, held: bool) -> None:
        """Pause a job; ``held`` if the user does."""
        values = {"state": "paused", "reason": "", "ended_at": None, **_held(held)}

        def write(connection: Connection) -> None:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))

        await self._database.write(write)

    async def run_again(self, job_id: str, deadline: float | None, token_budget: int) -> None:
        """Let a job that paused or ended go on, within these bounds."""

        def write(connection: Connection) -> None:
            bounds = {"deadline": deadline, "token_budget": token_budget}
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**_RUNNING_AGAIN, **bounds))

        await self._database.write(write)

    async def finish(self, job_id: str, also: Callable[[Connection], None]) -> bool:
        """Mark a running job as done, and do ``also`` with it; False if items wait (again), and it has to go
        on."""

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

    async def take(self, job_id: str, offload_id: str) -> ItemRecord | None:
        """Mark the first waiting item as running and return it; None if none can start.

        An item whose output file is being written by another one waits for that.
        """

        def write(connection: Connection) -> ItemRecord | None:
            mine = items.c.job_id == job_id
            busy = select(items.c.output).where(mine, items.c.state == "running", items.c.output != "")
            found = connection.execute(
                select(items)
                .where(mine, items.c.state == "waiting", items.c.output.not_in(busy))
                .order_by(items.c.position)
                .limit(1)
            ).first()
            if found is None:
                return None
            taken = {"state": "running", "offload_id": offload_id, "tries": found.tries + 1}
            connection.execute(_at(job_id, found.position).values(**taken))
            return _item(found, **taken)

        return await self._database.write(write)

    async def settle(self, job_id: str, ended: ItemRecord) -> None:
        """Write how an item ended."""
        values = _item_values(job_id, ended)
        changed = {key: values[key] for key in _OUTCOME}

        def write(connection: Connection) -> None:
            connection.execute(_at(job_id, ended.position).values(**changed))

        await self._database.write(write)

    async def release(self, job_id: str, position: int, *, tried: bool = False) -> None:
        """Put an item that was running back among the waiting; one that was cancelled meanwhile ends so.
        Unless it was ``tried``, the try is not counted."""

        def write(connection: Connection) -> None:
            state = case((items.c.code == CANCELLED, CANCELLED), else_="waiting")
            tries = items.c.tries - (0 if tried else 1)
            connection.execute(_at(job_id, position).values(state=state, offload_id=None, tries=tries))

        await self._database.write(write)

    async def cancel(self, job_id: str, *, held: bool = False) -> None:
        """Cancel a job with all items that wait; those that run end so when they are released. ``held`` if
        the user does: then also what was cancelled before is."""

        def write(connection: Connection) -> None:
            values = {"state": CANCELLED, "reason": "", "ended_at": time.time(), **_held(held)}
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))
            _cancel_items(connection, items.c.job_id == job_id, held=held)
            self._forget_texts(connection, job_id)

        await self._database.write(write)

    async def cancel_item(self, job_id: str, position: int, *, held: bool = False) -> str | None:
        """Cancel one item; return the id of its offload if it runs: it ends so when that was cancelled, also
        should the app end before."""

        def write(connection: Connection) -> str | None:
            this = and_(items.c.job_id == job_id, items.c.position == position)
            _cancel_items(connection, this, held=held)
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
        held_too: bool = True,
    ) -> tuple[int, bool]:
        """Put one item, or every one, that ended without a result back among the waiting; those that the user
        cancelled only if ``held_too``. Return how many, and whether the job, which had ended, goes on for
        that, within these bounds."""

        def write(connection: Connection) -> tuple[int, bool]:
            again = update(items).where(items.c.job_id == job_id, items.c.state.in_(ENDED - DONE_WELL))
            if position is not None:
                again = again.where(items.c.position == position)
            if not held_too:
                again = again.where(items.c.held.is_(False))
            values = {"state": "waiting", "offload_id": None, "code": "", "summary": "", "held": False}
            done = connection.execute(again.values(**values))
            if not done.rowcount:
                return 0, False
            ended = update(jobs).where(jobs.c.id == job_id, jobs.c.state.not_in(OPEN))
            started = connection.execute(
                ended.values(**_RUNNING_AGAIN, deadline=deadline, token_budget=token_budget)
            )
            return int(done.rowcount), bool(started.rowcount)

        return await self._database.write(write)

    async def item(self, job_id: str, position: int) -> ItemRecord | None:
        """Return one item, None if there is none."""
        found = await self._items(job_id, items.c.position == position)
        return found[0] if found else None

    async def in_flight(self, job_id: str) -> tuple[ItemRecord, ...]:
        """Return the items marked as running, also those whose taking was broken off a moment ago."""
        await self._database.written()
        return await self._items(job_id, items.c.state == "running")

    async def wrong_items(self, job_id: str) -> tuple[ItemRecord, ...]:
        """Return the items that ended without a result, at most a thousand."""
        return await self._items(job_id, items.c.state.in_(ENDED - DONE_WELL))

    async def items(self, job_id: str, limit: int = 100, after: int = -1) -> tuple[ItemRecord, ...]:
        """Return items in order, those behind position ``after``."""
        return await self._items(job_id, items.c.position > after, limit)

    async def counts(self, job_id: str) -> JobCounts:
        """Return how many items are in each state, and what they took."""

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
            # The offloads' receipts are what counts: what the batch's calls cost is spread over them.
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
        """Return what went wrong, grouped by code, the most frequent first."""

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
        """Remove jobs that ended before an instant."""

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


_RUNNING_AGAIN = {"state": "running", "reason": "", "ended_at": None, "held": False}
_OUTCOME = ("state", "offload_id", "code", "summary", "tokens", "net_tokens", "seconds")


def _at(job_id: str, position: int) -> Any:
    return update(items).where(items.c.job_id == job_id, items.c.position == position)


def _held(held: bool) -> dict[str, bool]:
    # Whoever pauses or cancels what the user holds does not let go of it.
    return {"held": True} if held else {}


def _cancel_items(connection: Connection, which: ColumnElement[bool], *, held: bool) -> None:
    """Cancel those that wait, and note of those that run that they are not wanted any more."""
    waits = case((items.c.state == "waiting", CANCELLED), else_=items.c.state)
    some = update(items).where(which, items.c.state.in_(("waiting", "running")))
    connection.execute(some.values(state=waits, code=CANCELLED))
    if held:
        connection.execute(update(items).where(which, items.c.code == CANCELLED).values(held=True))


def _group(connection: Connection, job_id: str, row: Row[Any]) -> FailureGroup:
    example = connection.execute(
        select(items.c.summary).where(items.c.job_id == job_id, items.c.position == row.first)
    ).scalar_one()
    return FailureGroup(row.code, row.many, example, row.first)


def _job_values(job: JobRecord) -> dict[str, Any]:
    return {**vars(job), "roots": json.dumps(job.roots)}


def _job(row: Row[Any]) -> JobRecord:
    return JobRecord(**{**row._mapping, "roots": tuple(json.loads(row.roots))})  # noqa: SLF001 - public by its docs


def _item_values(job_id: str, item: ItemRecord) -> dict[str, Any]:
    return {
        **vars(item),
        "job_id": job_id,
        "arguments": json.dumps(item.arguments),
        "output": item.arguments.get("output") or "",
    }


def _item(row: Row[Any], **changed: Any) -> ItemRecord:
    values = {**row._mapping, **changed, "arguments": json.loads(row.arguments)}  # noqa: SLF001 - see _job
    del values["job_id"], values["output"]
    return ItemRecord(**values)
