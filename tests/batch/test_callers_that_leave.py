"""Who asks for a change of a batch and goes away in the midst of it leaves no batch that is half changed."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from tests.batch.conftest import ENDLESS, LONG, NOTES, HubHarness
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio


@contextlib.contextmanager
def _locked(harness: HubHarness) -> Iterator[None]:
    """Let no row be written within the block."""
    with contextlib.closing(sqlite3.connect(harness.hub.folders.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def _leave(harness: HubHarness, asking: Coroutine[Any, Any, Any]) -> None:
    """Ask, and go away while the first row is to be written."""
    with _locked(harness):
        task = asyncio.create_task(asking)
        await asyncio.sleep(0.1)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
    with pytest.raises(asyncio.CancelledError):
        await task


async def _both(harness: HubHarness, job_id: str, state: str) -> None:
    """Return once both items are in this state."""
    async with asyncio.timeout(LONG):
        while (await harness.hub.batches.counts(job_id)).by_state != {state: 2}:
            await asyncio.sleep(0.01)


async def test_a_batch_that_nobody_was_told_of_is_cancelled(harness: HubHarness) -> None:
    harness.ollama.answers.default = ENDLESS
    await _leave(harness, harness.notes_on(harness.write_files(2)))
    found = await harness.hub.history.database.read(
        lambda connection: connection.exec_driver_sql("SELECT id FROM job").scalars().all()
    )
    for job_id in found:  # none, where the machine had not got so far as to write it
        await _both(harness, job_id, "cancelled")


async def test_what_is_to_be_paused_is(harness: HubHarness) -> None:
    harness.ollama.answers.default = ENDLESS
    job_id = await harness.notes_on(harness.write_files(2))
    while not (await harness.hub.batches.counts(job_id)).by_state.get("running"):
        await asyncio.sleep(0.01)
    await _leave(harness, harness.hub.batches.pause(job_id, by_user=False))
    await _both(harness, job_id, "waiting")
    assert (await harness.hub.batches.get(job_id)).state == "paused"


@pytest.mark.parametrize("action", ["resume", "retry"])
async def test_what_is_to_go_on_goes_on(harness: HubHarness, action: str) -> None:
    harness.ollama.answers.default = ENDLESS
    job_id = await harness.notes_on(harness.write_files(2))
    batches = harness.hub.batches
    await (batches.pause(job_id) if action == "resume" else batches.cancel(job_id))
    harness.ollama.answers.default = Answer(NOTES)
    await _leave(harness, batches.resume(job_id) if action == "resume" else batches.retry(job_id))
    await _both(harness, job_id, "delivered")
