"""Batches from start to end: every item once, in order, stopped and resumed, with honest counts."""

import asyncio

import pytest

from server.batch.plan import plan_tasks
from server.errors import NotFound
from server.folders import find_folders
from server.hub import Hub
from server.offload.values import Task
from server.tools.job_wait import describe_job
from tests.batch.conftest import NOTES, Desk
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio
LONG = 60.0


async def _end(desk: Desk, job_id: str) -> dict[str, int]:
    assert await desk.hub.batches.wait(job_id, LONG), "the batch did not end in time"
    return (await desk.hub.batches.counts(job_id)).by_state


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Nobody listens."""


async def test_every_item_is_done_once_and_the_digest_counts_them(desk: Desk) -> None:
    names = desk.write_files(6)
    job_id = await desk.notes_on(names)
    assert await _end(desk, job_id) == {"delivered": 6}
    assert all((desk.project / name).with_suffix(".md").read_text() == NOTES for name in names)
    assert len(desk.ollama.outcomes("/api/chat")) == 6
    assert (await desk.hub.batches.get(job_id)).state == "done"
    text = await describe_job(desk.hub, job_id)
    assert "6 of 6 done" in text
    assert len(text) <= 600


async def test_a_failing_item_fails_alone_and_can_be_tried_again(desk: Desk) -> None:
    names = desk.write_files(4)
    desk.ollama.answers.when("value_2", Answer(""))
    job_id = await desk.notes_on(names)
    assert await _end(desk, job_id) == {"delivered": 3, "handed_back": 1}
    assert not (desk.project / "mod_002.md").exists()
    (wrong,) = await desk.hub.batches.wrong_items(job_id)
    assert wrong.position == 2
    assert "1 not (those files are as they were)" in await describe_job(desk.hub, job_id)
    desk.ollama.answers.when("value_2", Answer(NOTES))
    assert await desk.hub.batches.retry(job_id) == 1
    assert await _end(desk, job_id) == {"delivered": 4}


async def test_it_uses_the_engines_slots_and_no_more(desk: Desk) -> None:
    desk.ollama.answers.default = Answer(NOTES, first_delay=0.05)
    job_id = await desk.notes_on(desk.write_files(5))
    await _end(desk, job_id)
    assert desk.ollama.most_running == 1


async def test_a_batch_that_mostly_fails_is_stopped_with_the_reason(desk: Desk) -> None:
    desk.ollama.answers.default = Answer("")
    job_id = await desk.notes_on(desk.write_files(30))
    by_state = await _end(desk, job_id)
    job = await desk.hub.batches.get(job_id)
    assert job.state == "stopped"
    assert "failed" in job.reason
    assert by_state["waiting"] >= 20


async def test_pause_puts_back_what_is_in_flight_and_resume_goes_on(desk: Desk) -> None:
    desk.ollama.answers.default = Answer(NOTES, delay=0.02)
    names = desk.write_files(5)
    job_id = await desk.notes_on(names)
    while not (await desk.hub.batches.counts(job_id)).ended:
        await asyncio.sleep(0.02)
    await desk.hub.batches.pause(job_id)
    counts = await desk.hub.batches.counts(job_id)
    assert set(counts.by_state) <= {"delivered", "waiting"}
    assert counts.by_state["waiting"] >= 1
    assert (await desk.hub.batches.get(job_id)).state == "paused"
    desk.ollama.answers.default = Answer(NOTES)
    await desk.hub.batches.resume(job_id)
    assert await _end(desk, job_id) == {"delivered": 5}


async def test_cancel_keeps_what_was_written_and_leaves_the_rest_alone(desk: Desk) -> None:
    desk.ollama.answers.default = Answer(NOTES, delay=0.02)
    job_id = await desk.notes_on(desk.write_files(5))
    while not (await desk.hub.batches.counts(job_id)).ended:
        await asyncio.sleep(0.02)
    await desk.hub.batches.cancel(job_id)
    by_state = (await desk.hub.batches.counts(job_id)).by_state
    assert set(by_state) == {"delivered", "cancelled"}
    assert len(list(desk.project.glob("*.md"))) == by_state["delivered"]


async def test_one_running_item_can_be_cancelled_alone(desk: Desk) -> None:
    desk.ollama.answers.when("value_0", Answer(NOTES, delay=0.5))
    job_id = await desk.notes_on(desk.write_files(3))
    while not desk.hub.snapshot().running or not desk.ollama.running:
        await asyncio.sleep(0.02)
    await desk.hub.batches.cancel(job_id, 0)
    assert await _end(desk, job_id) == {"cancelled": 1, "delivered": 2}
    assert not (desk.project / "mod_000.md").exists()


async def test_an_engine_that_is_away_loses_no_item(desk: Desk) -> None:
    names = desk.write_files(3)
    desk.ollama.stop()
    job_id = await desk.notes_on(names)
    await asyncio.sleep(0.5)
    assert (await desk.hub.batches.counts(job_id)).ended == 0
    desk.ollama.restart()
    assert await _end(desk, job_id) == {"delivered": 3}


async def test_in_a_sequence_each_sees_the_result_before_it(desk: Desk) -> None:
    desk.ollama.answers.when("Count them", "There are 3 apples.")
    planned = plan_tasks(
        [
            {"task": "Count them.", "context": "apple apple apple", "output_format": "explanation"},
            {"task": "Write it down.", "output": "count.md"},
        ],
        sequential=True,
    )
    job_id = await desk.hub.batches.submit(planned, desk.caller)
    assert await _end(desk, job_id) == {"returned": 1, "delivered": 1}
    last = [request for request in desk.ollama.requests if request.path == "/api/chat"][-1]
    assert b"There are 3 apples." in last.body


async def test_a_sequence_ends_where_a_result_is_missing(desk: Desk) -> None:
    desk.ollama.answers.when("Count them", Answer(""))
    planned = plan_tasks(
        [{"task": "Count them.", "output": "a.md"}, {"task": "Write it down.", "output": "b.md"}],
        sequential=True,
    )
    job_id = await desk.hub.batches.submit(planned, desk.caller)
    assert await _end(desk, job_id) == {"handed_back": 1, "failed": 1}
    (_, second) = await desk.hub.batches.wrong_items(job_id)
    assert second.code == "previous_failed"


async def test_a_single_offload_goes_before_the_batch(desk: Desk) -> None:
    desk.ollama.answers.default = Answer(NOTES, first_delay=0.1)
    job_id = await desk.notes_on(desk.write_files(40))
    while not (await desk.hub.batches.counts(job_id)).ended:
        await asyncio.sleep(0.02)
    before = len(desk.ollama.outcomes("/api/chat"))
    outcome = await desk.hub.offloader.run(Task("Write notes.", output="single.md"), desk.caller, _silent)
    assert outcome.name == "delivered"
    # The one that ran when it came, and one more that may have taken the slot meanwhile.
    assert len(desk.ollama.outcomes("/api/chat")) - before <= 3
    await desk.hub.batches.cancel(job_id)


async def test_a_stopped_hub_goes_on_with_its_batches_at_the_next_start(desk: Desk) -> None:
    desk.ollama.answers.default = Answer(NOTES, delay=0.02)
    job_id = await desk.notes_on(desk.write_files(4))
    while not (await desk.hub.batches.counts(job_id)).ended:
        await asyncio.sleep(0.02)
    await desk.hub.close()
    desk.ollama.answers.default = Answer(NOTES)
    again = Hub(desk.hub.settings, find_folders())
    await again.start()
    try:
        assert await again.batches.wait(job_id, LONG)
        assert (await again.batches.counts(job_id)).by_state == {"delivered": 4}
    finally:
        await again.close()


async def test_an_unknown_job_is_named(desk: Desk) -> None:
    with pytest.raises(NotFound, match="j-none"):
        await desk.hub.batches.wait("j-none", 0)


async def test_every_function_of_a_file_becomes_an_item(desk: Desk) -> None:
    (desk.project / "two.py").write_text(
        "def a():\n    def inner(): ...\n\n\nclass C:\n    def b(self): ...\n"
    )
    found = await desk.hub.batches.expand(["two.py::*"], desk.caller)
    assert found == ("two.py::a", "two.py::C.b")
    assert await desk.hub.batches.expand(["*.py", "two.py"], desk.caller) == ("two.py",)
