"""Batches and the next start of the hub: what goes on, what is kept of them, and for how long."""

import asyncio
import time

import pytest
from sqlalchemy import update

from server.batch.plan import plan_tasks
from server.common.errors import NotFound
from server.config.settings import HistorySettings
from server.store.job_tables import job
from server.store.jobs import Jobs
from tests.batch.conftest import ENDLESS, LONG, NOTES, Desk, end, some_ended
from tests.hub_in_process import running_hub
from tests.standins.answers import Answer, prompt_of

pytestmark = pytest.mark.anyio


async def test_a_stopped_hub_goes_on_with_its_batches_at_the_next_start(desk: Desk) -> None:
    desk.ollama.answers.when("value_3", ENDLESS)
    job_id = await desk.notes_on(desk.write_files(4))
    await some_ended(desk, job_id)
    await desk.hub.close()
    desk.ollama.answers.when("value_3", Answer(NOTES))
    async with running_hub(desk.hub.settings) as again:
        assert await again.batches.wait(job_id, LONG)
        assert (await again.batches.counts(job_id)).by_state == {"delivered": 4}


async def test_an_item_whose_cancelling_the_hub_did_not_live_to_end_is_not_begun_again(desk: Desk) -> None:
    desk.ollama.answers.when("value_0", ENDLESS)
    job_id = await desk.notes_on(desk.write_files(2))
    while not desk.ollama.running:
        await asyncio.sleep(0.02)
    assert await Jobs(desk.hub.history.database).cancel_item(job_id, 0), "it runs"
    desk.ollama.answers.when("value_0", Answer(NOTES))
    await desk.hub.close()
    async with running_hub(desk.hub.settings) as again:
        assert await again.batches.wait(job_id, LONG)
        assert (await again.batches.counts(job_id)).by_state == {"cancelled": 1, "delivered": 1}


async def test_without_a_history_of_texts_a_sequence_passes_them_on_or_says_that_it_cannot(
    desk: Desk,
) -> None:
    desk.ollama.answers.when("Count them", "There are 3 apples.")
    tasks = [
        {"task": "Count them.", "context": "apple apple apple", "output_format": "explanation"},
        {"task": "Write it down.", "output": "count.md"},
    ]
    settings = desk.hub.settings.model_copy(update={"history": HistorySettings(contents=False)})
    await desk.hub.close()
    async with running_hub(settings) as hub:
        job_id = await hub.batches.submit(plan_tasks(tasks, sequential=True), desk.caller)
        assert await hub.batches.wait(job_id, LONG)
        assert "There are 3 apples." in prompt_of(desk.ollama.bodies("/api/chat")[-1])
        item = await Jobs(hub.history.database).item(job_id, 0)
        assert item is not None
        assert (item.state, item.summary) == ("returned", "")
        assert item.arguments == {"output_format": "explanation"}, "its texts went with the end of the batch"
        assert (await hub.batches.get(job_id)).task == ""
        with pytest.raises(NotFound, match="were not kept"):
            await hub.batches.retry(job_id)
        desk.ollama.answers.when("Write it down", ENDLESS)
        job_id = await hub.batches.submit(plan_tasks(tasks, sequential=True), desk.caller)
        while not (await hub.batches.counts(job_id)).ended:
            await asyncio.sleep(0.01)
    async with running_hub(settings) as again:
        assert await again.batches.wait(job_id, LONG)
        (wrong,) = await again.batches.wrong_items(job_id)
        assert (wrong.position, wrong.code) == (1, "previous_failed")
        assert "the history did not keep" in wrong.summary


async def test_a_batch_is_kept_as_long_as_offloads_are(desk: Desk) -> None:
    names = desk.write_files(2)
    old, young = await desk.notes_on(names[:1]), await desk.notes_on(names[1:])
    await end(desk, old)
    await end(desk, young)
    too_long = (desk.hub.settings.history.days + 1) * 86_400
    age = update(job).where(job.c.id == old).values(ended_at=time.time() - too_long)
    await desk.hub.history.database.write(lambda connection: connection.execute(age))
    await desk.hub.close()
    async with running_hub(desk.hub.settings) as again:
        async with asyncio.timeout(LONG):
            while [each.id for each in await Jobs(again.history.database).page()] != [young]:
                await asyncio.sleep(0.02)
        assert await Jobs(again.history.database).items(old) == ()
