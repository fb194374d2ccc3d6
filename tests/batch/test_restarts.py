"""Batches and the next start of the hub: what goes on, what is kept of them, and for how long."""

import asyncio
import time

import pytest
from sqlalchemy import update

from server.batch.plan import plan_tasks
from server.common.errors import NotFound
from server.config.sections import HistorySettings
from server.store.job_tables import job
from server.store.jobs import Jobs
from tests.batch.conftest import ENDLESS, LONG, NOTES, HubHarness, end, some_ended
from tests.hub_in_process import running_hub
from tests.standins.answers import Answer, prompt_of

pytestmark = pytest.mark.anyio


async def test_a_stopped_hub_goes_on_with_its_batches_at_the_next_start(harness: HubHarness) -> None:
    harness.ollama.answers.when("value_3", ENDLESS)
    job_id = await harness.notes_on(harness.write_files(4))
    await some_ended(harness, job_id)
    await harness.hub.close()
    harness.ollama.answers.when("value_3", Answer(NOTES))
    async with running_hub(harness.hub.settings) as again:
        assert await again.batches.wait(job_id, LONG)
        assert (await again.batches.counts(job_id)).by_state == {"delivered": 4}


async def test_an_item_whose_cancelling_the_hub_did_not_live_to_end_is_not_begun_again(
    harness: HubHarness,
) -> None:
    harness.ollama.answers.when("value_0", ENDLESS)
    job_id = await harness.notes_on(harness.write_files(2))
    while not harness.ollama.running:
        await asyncio.sleep(0.02)
    assert await Jobs(harness.hub.history.database).cancel_item(job_id, 0), "it runs"
    harness.ollama.answers.when("value_0", Answer(NOTES))
    await harness.hub.close()
    async with running_hub(harness.hub.settings) as again:
        assert await again.batches.wait(job_id, LONG)
        assert (await again.batches.counts(job_id)).by_state == {"cancelled": 1, "delivered": 1}


async def test_without_a_history_of_texts_a_sequence_passes_them_on_or_says_that_it_cannot(
    harness: HubHarness,
) -> None:
    harness.ollama.answers.when("Count them", "There are 3 apples.")
    tasks = [
        {"task": "Count them.", "context": "apple apple apple", "output_format": "explanation"},
        {"task": "Write it down.", "output": "count.md"},
    ]
    settings = harness.hub.settings.model_copy(update={"history": HistorySettings(contents=False)})
    await harness.hub.close()
    async with running_hub(settings) as hub:
        job_id = await hub.batches.submit(plan_tasks(tasks, sequential=True), harness.caller)
        assert await hub.batches.wait(job_id, LONG)
        assert "There are 3 apples." in prompt_of(harness.ollama.bodies("/api/chat")[-1])
        item = await Jobs(hub.history.database).item(job_id, 0)
        assert item is not None
        assert (item.state, item.summary) == ("returned", "")
        assert item.arguments == {"output_format": "explanation"}, "its texts went with the end of the batch"
        assert (await hub.batches.get(job_id)).task == ""
        with pytest.raises(NotFound, match="were not kept"):
            await hub.batches.retry(job_id)
        harness.ollama.answers.when("Write it down", ENDLESS)
        job_id = await hub.batches.submit(plan_tasks(tasks, sequential=True), harness.caller)
        while not (await hub.batches.counts(job_id)).ended:
            await asyncio.sleep(0.01)
    async with running_hub(settings) as again:
        assert await again.batches.wait(job_id, LONG)
        (wrong,) = await again.batches.unsuccessful_items(job_id)
        assert (wrong.position, wrong.code) == (1, "previous_failed")
        assert "the history did not keep" in wrong.summary


async def test_a_batch_is_kept_as_long_as_offloads_are(harness: HubHarness) -> None:
    names = harness.write_files(2)
    old, young = await harness.notes_on(names[:1]), await harness.notes_on(names[1:])
    await end(harness, old)
    await end(harness, young)
    too_long = (harness.hub.settings.history.days + 1) * 86_400
    age = update(job).where(job.c.id == old).values(ended_at=time.time() - too_long)
    await harness.hub.history.database.write(lambda connection: connection.execute(age))
    await harness.hub.close()
    async with running_hub(harness.hub.settings) as again:
        async with asyncio.timeout(LONG):
            while [each.id for each in await Jobs(again.history.database).page()] != [young]:
                await asyncio.sleep(0.02)
        assert await Jobs(again.history.database).items(old) == ()
