"""What a batch cost Claude is booked whatever comes of it."""

import asyncio
from dataclasses import replace

import pytest

from server.batch.plan import plan_each
from server.calls.long_calls.job_wait import answer_for_job
from server.config.folders import find_folders
from server.hub import Hub
from server.store.records import OffloadFilter
from tests.batch.conftest import LONG, NOTES, HubHarness
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio


async def test_a_batch_that_nothing_came_of_has_cost_its_call_all_the_same(harness: HubHarness) -> None:
    planned = plan_each("Write notes.", harness.write_files(3), "{stem}.md", {}, cap=10)
    asked = {"task": "Write notes.", "each": ["*.py"], "output": "{stem}.md"}
    harness.hub.pause()  # so that no item begins
    job_id = await harness.hub.batches.submit(planned, replace(harness.caller, arguments=asked))
    await harness.hub.batches.charge(job_id, None, "Job is running.")
    await harness.hub.batches.cancel(job_id)
    await harness.hub.batches.cancel(job_id)
    job = await harness.hub.batches.get(job_id)
    (row,) = await harness.hub.history.page(OffloadFilter(), limit=10)
    assert (row.tool, row.outcome) == ("batch_offload", "cancelled")
    assert job.spent_output > 0
    assert -row.net_tokens == job.spent_output + job.spent_input + job.spent_share
    assert (await harness.hub.history.totals()).net_tokens == row.net_tokens
    await harness.hub.batches.charge(job_id, {"job": job_id}, "Job is cancelled.")
    job = await harness.hub.batches.get(job_id)
    (row,) = await harness.hub.history.page(OffloadFilter(), limit=10)
    assert -row.net_tokens == job.spent_output + job.spent_input + job.spent_share


async def test_an_item_of_claudes_that_the_user_tries_again_is_spared_and_costs_no_more(
    harness: HubHarness,
) -> None:
    harness.ollama.answers.when("value_1", Answer(""))
    planned = plan_each("Write notes.", harness.write_files(2), "{stem}.md", {}, cap=10)
    asked = {"task": "Write notes.", "each": ["*.py"], "output": "{stem}.md"}
    job_id = await harness.hub.batches.submit(planned, replace(harness.caller, arguments=asked))
    assert await harness.hub.batches.wait(job_id, LONG)
    before = await harness.hub.history.totals()
    harness.ollama.answers.when("value_1", Answer(NOTES))
    assert await harness.hub.batches.retry(job_id) == 1
    assert await harness.hub.batches.wait(job_id, LONG)
    after = await harness.hub.history.totals()
    assert (after.delivered, after.by_user) == (before.delivered + 1, 0)
    assert after.spared_tokens > before.spared_tokens
    assert after.spent_tokens == before.spent_tokens > 0


async def test_a_batch_of_the_users_own_costs_and_spares_nothing_before_and_after_a_restart(
    harness: HubHarness,
) -> None:
    harness.ollama.answers.when("value_1", Answer(NOTES, first_delay=600))
    planned = plan_each("Write notes.", harness.write_files(2), "{stem}.md", {}, cap=10)
    user = replace(harness.caller, client="token-saver", arguments={"task": "Write notes.", "each": ["*.py"]})
    job_id = await harness.hub.batches.submit(planned, user)
    while not harness.ollama.running:
        await asyncio.sleep(0.02)
    await harness.hub.close()
    harness.ollama.answers.when("value_1", Answer(NOTES))
    again = await Hub.start(harness.hub.settings, find_folders())
    try:
        assert await again.batches.wait(job_id, LONG)
        sums = await again.history.totals()
    finally:
        await again.close()
    assert (sums.delivered, sums.by_user) == (2, sums.offloads)
    assert (sums.spared_tokens, sums.spent_tokens, sums.net_microusd) == (0, 0, 0)


async def test_claudes_questions_about_a_batch_of_the_users_own_are_claudes_cost_alone(
    harness: HubHarness,
) -> None:
    planned = plan_each("Write notes.", harness.write_files(2), "{stem}.md", {}, cap=10)
    job_id = await harness.hub.batches.submit(planned, replace(harness.caller, client="token-saver"))
    assert await harness.hub.batches.wait(job_id, LONG)
    asked = {"job": job_id}
    text = await answer_for_job(harness.hub, job_id, replace(harness.caller, arguments=asked), asked)
    assert "Net 0, not by Claude" in text
    assert (await harness.hub.batches.counts(job_id)).net_tokens == 0
    question, *items = await harness.hub.history.page(OffloadFilter(), limit=10)
    assert [item.net_tokens for item in items] == [0, 0]
    assert (question.tool, question.client, question.by_user) == ("check_job", harness.caller.client, False)
    ledger = harness.hub.ledger
    assert -question.net_tokens == ledger.cost_of_call(asked) + ledger.cost_of_result(text)
    sums = await harness.hub.history.totals()
    assert (sums.by_user, sums.losing, sums.net_tokens) == (2, 1, question.net_tokens)
