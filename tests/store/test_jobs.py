"""Jobs in the database: items start once, in order, and never two for the same file."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
from sqlalchemy import Connection

from server.store.database import Database, open_database
from server.store.job_records import ItemRecord, JobRecord
from server.store.jobs import Jobs
from tests.standins.serving import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.fast]
T = TypeVar("T")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def jobs(database: Path) -> AsyncIterator[Jobs]:
    opened = open_database(database)
    yield Jobs(opened)
    await opened.close()


async def _create(jobs: Jobs, outputs: list[str]) -> None:
    job = JobRecord("j1", time.time(), "t", "c", "s", "/p", ("/p",), sequential=False)
    items = tuple(ItemRecord(i, {"task": "x", "output": out}) for i, out in enumerate(outputs))
    await jobs.create(job, items)


async def test_job_is_read_back_completely(jobs: Jobs) -> None:
    await _create(jobs, ["a", "b"])
    job = await jobs.get("j1")
    assert job is not None
    assert job.roots == ("/p",)
    assert [item.arguments["output"] for item in await jobs.items("j1")] == ["a", "b"]
    assert (await jobs.open_jobs()) == (job,)
    assert await jobs.get("j2") is None


async def test_items_with_the_same_output_wait_for_each_other(jobs: Jobs) -> None:
    await _create(jobs, ["a", "a", "b"])
    first, second, third = [await jobs.start_next_item("j1", name) for name in ("o1", "o2", "o3")]
    assert first is not None
    assert second is not None
    assert (first.position, second.position, third) == (0, 2, None)
    await jobs.finish_item(
        "j1", ItemRecord(0, first.arguments, "delivered", "o1", code="delivered", tokens=7)
    )
    again = await jobs.start_next_item("j1", "o4")
    assert again is not None
    assert again.position == 1


async def test_concurrent_workers_never_start_the_same_item(jobs: Jobs) -> None:
    await _create(jobs, [f"f{i}" for i in range(60)])
    taken: list[int] = []

    async def take_all(name: str) -> None:
        while (item := await jobs.start_next_item("j1", name)) is not None:
            taken.append(item.position)

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(take_all, f"o{number}")
    assert sorted(taken) == list(range(60))


class NotedBegin(Database):
    """Records that its thread has started to write."""

    begun: threading.Event

    def _run_write(self, function: Callable[[Connection], T], durable: bool) -> T:
        self.begun.set()
        return super()._run_write(function, durable)


async def test_cancelled_start_counts_as_running_once_written(jobs: Jobs, tmp_path: Path) -> None:
    await _create(jobs, ["a"])
    database = NotedBegin(tmp_path / "history.db", busy_seconds=120)
    database.begun = threading.Event()
    jobs = Jobs(database)
    with contextlib.closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the start waits in its thread for this to end
        taking = asyncio.create_task(jobs.start_next_item("j1", "o1"))
        await eventually(database.begun.is_set)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        in_flight = asyncio.create_task(jobs.running_items("j1"))
        await asyncio.sleep(0.1)
        other.execute("ROLLBACK")
    found = await in_flight
    assert [each.position for each in await jobs.items("j1") if each.state == "running"] == [0]
    assert [each.position for each in found] == [0]
    await database.close()


async def test_requeued_items_start_again_and_tries_are_counted(jobs: Jobs) -> None:
    await _create(jobs, ["a"])
    await jobs.start_next_item("j1", "o1")
    await jobs.requeue("j1", 0)
    again = await jobs.start_next_item("j1", "o2")
    assert again is not None
    assert again.tries == 1, "it was not tried"
    await jobs.requeue("j1", again.position, tried=True)
    once_more = await jobs.start_next_item("j1", "o3")
    assert once_more is not None
    assert once_more.tries == 2
    assert [item.offload_id for item in await jobs.running_items("j1")] == ["o3"]


async def test_counts_failures_and_retry(jobs: Jobs) -> None:
    await _create(jobs, ["a", "b", "c", "d"])
    for position, (state, code) in enumerate(
        [("delivered", "delivered"), ("handed_back", "parses"), ("handed_back", "parses")]
    ):
        item = await jobs.start_next_item("j1", "o")
        assert item is not None
        ended = ItemRecord(
            position, item.arguments, state, "o", code=code, summary=f"s{position}", net_tokens=-5
        )
        await jobs.finish_item("j1", ended)
    counts = await jobs.counts("j1")
    assert counts.by_state == {"delivered": 1, "handed_back": 2, "waiting": 1}
    assert (counts.total, counts.ended, counts.unsuccessful, counts.net_tokens) == (4, 3, 2, -15)
    (group,) = await jobs.failures("j1")
    assert (group.code, group.count, group.example) == ("parses", 2, "s1")
    assert await jobs.retry_failed("j1") == (2, False)
    assert (await jobs.counts("j1")).by_state == {"delivered": 1, "waiting": 3}


async def test_running_item_is_cancelled_when_it_is_requeued(jobs: Jobs) -> None:
    await _create(jobs, ["a", "b", "c"])
    await jobs.start_next_item("j1", "o")
    assert await jobs.cancel_item("j1", 1) is None
    assert await jobs.cancel_item("j1", 0) == "o"
    assert (await jobs.counts("j1")).by_state == {"running": 1, "cancelled": 1, "waiting": 1}
    await jobs.cancel("j1")
    assert (await jobs.counts("j1")).by_state == {"running": 1, "cancelled": 2}
    await jobs.requeue("j1", 0)
    assert (await jobs.counts("j1")).by_state == {"cancelled": 3}
    job = await jobs.get("j1")
    assert job is not None
    assert job.state == "cancelled"


async def test_retry_restarts_an_ended_job_in_one_transaction(jobs: Jobs) -> None:
    await _create(jobs, ["a"])
    await jobs.start_next_item("j1", "o")
    await jobs.cancel("j1")
    await jobs.requeue("j1", 0)
    assert await jobs.retry_failed("j1", 1) == (0, False)
    assert await jobs.retry_failed("j1", deadline=7.0, token_budget=9) == (1, True)
    job = await jobs.get("j1")
    assert job is not None
    assert (job.state, job.ended_at, job.deadline, job.token_budget) == ("running", None, 7.0, 9)
    assert await jobs.retry_failed("j1") == (0, False)


async def test_old_jobs_are_removed_with_their_items(jobs: Jobs) -> None:
    await _create(jobs, ["a"])
    await jobs.set_state("j1", "done", "")
    await jobs.prune(time.time() + 1)
    assert await jobs.get("j1") is None
    assert await jobs.items("j1") == ()
