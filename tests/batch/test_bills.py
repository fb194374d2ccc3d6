"""What a batch cost Claude is booked whatever comes of it."""

from dataclasses import replace

import pytest

from server.batch.plan import plan_each
from server.store.records import OffloadFilter
from tests.batch.conftest import Desk

pytestmark = pytest.mark.anyio


async def test_a_batch_that_nothing_came_of_has_cost_its_call_all_the_same(desk: Desk) -> None:
    planned = plan_each("Write notes.", desk.write_files(3), "{stem}.md", {}, cap=10)
    asked = {"task": "Write notes.", "each": ["*.py"], "output": "{stem}.md"}
    desk.hub.pause()  # so that no item begins
    job_id = await desk.hub.batches.submit(planned, replace(desk.caller, arguments=asked))
    await desk.hub.batches.charge(job_id, None, "Job is running.")
    await desk.hub.batches.cancel(job_id)
    await desk.hub.batches.cancel(job_id)
    job = await desk.hub.batches.get(job_id)
    (row,) = await desk.hub.history.page(OffloadFilter(), limit=10)
    assert (row.tool, row.outcome) == ("batch_offload", "cancelled")
    assert job.spent_output > 0
    assert -row.net_tokens == job.spent_output + job.spent_input + job.spent_share
    assert (await desk.hub.history.totals()).net_tokens == row.net_tokens
    await desk.hub.batches.charge(job_id, {"job": job_id}, "Job is cancelled.")
    job = await desk.hub.batches.get(job_id)
    (row,) = await desk.hub.history.page(OffloadFilter(), limit=10)
    assert -row.net_tokens == job.spent_output + job.spent_input + job.spent_share
