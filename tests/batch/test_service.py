"""Batches from start to end: every item once, in order, stopped and resumed, with honest counts."""

import asyncio
import random
import re
import threading
from dataclasses import replace
from typing import Any

import pytest

from server.batch.cost import CallCosts
from server.batch.inputs import expand_inputs
from server.batch.job_run import ENGINE_LOOK, JobRun, JobServices
from server.batch.notify import INTERVAL
from server.batch.plan import plan_tasks
from server.calls.long_calls.job_wait import describe_job
from server.common.errors import NotFound, SelectionNotFound
from server.common.events import Event, JobChanged, OffloadStage
from server.offload.values import Task
from server.store.jobs import Jobs
from server.store.records import OffloadFilter
from tests.batch.conftest import ENDLESS, LONG, NOTES, HubHarness, end, some_ended
from tests.standins.answers import Answer, prompt_of

pytestmark = pytest.mark.anyio


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Nobody listens."""


async def test_every_item_is_done_once_and_the_digest_counts_them(harness: HubHarness) -> None:
    names = harness.write_files(6)
    job_id = await harness.notes_on(names)
    assert await end(harness, job_id) == {"delivered": 6}
    assert all((harness.project / name).with_suffix(".md").read_text() == NOTES for name in names)
    assert len(harness.ollama.outcomes("/api/chat")) == 6
    assert (await harness.hub.batches.get(job_id)).state == "done"
    text = await describe_job(harness.hub, job_id)
    assert "6 of 6 done" in text
    assert len(text) <= 600


async def test_a_failing_item_fails_alone_and_can_be_tried_again(harness: HubHarness) -> None:
    names = harness.write_files(4)
    harness.ollama.answers.when("value_2", Answer(""))
    job_id = await harness.notes_on(names)
    assert await end(harness, job_id) == {"delivered": 3, "handed_back": 1}
    assert not (harness.project / "mod_002.md").exists()
    (wrong,) = await harness.hub.batches.unsuccessful_items(job_id)
    assert wrong.position == 2
    assert "1 not (those files are unchanged)" in await describe_job(harness.hub, job_id)
    harness.ollama.answers.when("value_2", Answer(NOTES))
    assert await harness.hub.batches.retry(job_id) == 1
    assert await end(harness, job_id) == {"delivered": 4}


async def test_it_uses_the_engines_slots_and_no_more(harness: HubHarness) -> None:
    harness.ollama.answers.default = Answer(NOTES, first_delay=0.05)
    job_id = await harness.notes_on(harness.write_files(5))
    await end(harness, job_id)
    assert harness.ollama.most_running == 1


async def test_a_batch_that_mostly_fails_is_stopped_with_the_reason(harness: HubHarness) -> None:
    harness.ollama.answers.default = Answer("")
    job_id = await harness.notes_on(harness.write_files(30))
    by_state = await end(harness, job_id)
    job = await harness.hub.batches.get(job_id)
    assert job.state == "stopped"
    assert "failed" in job.reason
    assert by_state["waiting"] >= 20


async def test_pause_puts_back_what_is_in_flight_and_resume_goes_on(harness: HubHarness) -> None:
    harness.ollama.answers.when("value_4", ENDLESS)
    names = harness.write_files(5)
    job_id = await harness.notes_on(names)
    await some_ended(harness, job_id)
    await harness.hub.batches.pause(job_id)
    counts = await harness.hub.batches.counts(job_id)
    assert set(counts.by_state) <= {"delivered", "waiting"}
    assert counts.by_state["waiting"] >= 1
    assert (await harness.hub.batches.get(job_id)).state == "paused"
    harness.ollama.answers.when("value_4", Answer(NOTES))
    await harness.hub.batches.resume(job_id)
    assert await end(harness, job_id) == {"delivered": 5}


async def test_cancel_keeps_what_was_written_and_leaves_the_rest_alone(harness: HubHarness) -> None:
    harness.ollama.answers.when("value_4", ENDLESS)
    job_id = await harness.notes_on(harness.write_files(5))
    await some_ended(harness, job_id)
    await harness.hub.batches.cancel(job_id)
    by_state = (await harness.hub.batches.counts(job_id)).by_state
    assert set(by_state) == {"delivered", "cancelled"}
    assert len(list(harness.project.glob("*.md"))) == by_state["delivered"]


async def test_one_running_item_can_be_cancelled_alone(harness: HubHarness) -> None:
    harness.ollama.answers.when("value_0", ENDLESS)
    job_id = await harness.notes_on(harness.write_files(3))
    while not harness.hub.snapshot().running or not harness.ollama.running:
        await asyncio.sleep(0.02)
    await harness.hub.batches.cancel(job_id, 0)
    assert await end(harness, job_id) == {"cancelled": 1, "delivered": 2}
    assert not (harness.project / "mod_000.md").exists()


async def test_an_engine_that_is_away_loses_no_item(harness: HubHarness) -> None:
    names = harness.write_files(3)
    harness.ollama.stop()
    job_id = await harness.notes_on(names)
    await asyncio.sleep(0.5)
    assert (await harness.hub.batches.counts(job_id)).ended == 0
    harness.ollama.restart()
    assert await end(harness, job_id) == {"delivered": 3}


async def test_an_engine_that_is_away_is_no_flood_of_failures(harness: HubHarness) -> None:
    names = harness.write_files(3)
    harness.ollama.stop()
    job_id = await harness.notes_on(names)
    await asyncio.sleep(3.5 * ENGINE_LOOK)
    failed = (await harness.hub.history.totals()).failed
    assert failed <= 3, "once for each that was begun before anybody knew"
    harness.ollama.restart()
    assert await end(harness, job_id) == {"delivered": 3}


async def test_in_a_sequence_each_sees_the_result_before_it(harness: HubHarness) -> None:
    harness.ollama.answers.when("Count them", "There are 3 apples.")
    planned = plan_tasks(
        [
            {"task": "Count them.", "context": "apple apple apple", "output_format": "explanation"},
            {"task": "Write it down.", "output": "count.md"},
        ],
        sequential=True,
    )
    job_id = await harness.hub.batches.submit(planned, harness.caller)
    assert await end(harness, job_id) == {"returned": 1, "delivered": 1}
    last = [request for request in harness.ollama.requests if request.path == "/api/chat"][-1]
    assert b"There are 3 apples." in last.body


async def test_a_sequence_ends_where_a_result_is_missing(harness: HubHarness) -> None:
    harness.ollama.answers.when("Count them", Answer(""))
    planned = plan_tasks(
        [{"task": "Count them.", "output": "a.md"}, {"task": "Write it down.", "output": "b.md"}],
        sequential=True,
    )
    job_id = await harness.hub.batches.submit(planned, harness.caller)
    assert await end(harness, job_id) == {"handed_back": 1, "failed": 1}
    (_, second) = await harness.hub.batches.unsuccessful_items(job_id)
    assert second.code == "previous_failed"


async def test_a_single_offload_waits_for_one_item_of_another_clients_batch_at_most(
    harness: HubHarness,
) -> None:
    """By the order of events: who is at the engine next after the single one began to wait."""
    harness.ollama.answers.default = Answer(NOTES, first_delay=0.05)
    stages: list[tuple[str, str]] = []

    def note(event: Event) -> None:
        if isinstance(event, OffloadStage) and event.stage in ("queue", "prompt", "load"):
            stages.append((event.offload_id, event.stage))

    harness.hub.events.subscribe(note)
    job_id = await harness.notes_on(harness.write_files(300))
    while not (await harness.hub.batches.counts(job_id)).ended:
        await asyncio.sleep(0.02)
    other = replace(harness.caller, client="another client", session="2")
    single = Task("Write notes.", output="single.md")
    outcome = await harness.hub.offloader.run(single, other, _silent, offload_id="single")
    assert outcome.name == "delivered"
    after = stages[stages.index(("single", "queue")) + 1 :]
    assert next(entry for entry in after if entry[1] != "queue")[0] == "single"
    assert (await harness.hub.batches.counts(job_id)).ended < 300
    await harness.hub.batches.cancel(job_id)


async def test_two_batches_of_one_client_share_the_engine(harness: HubHarness) -> None:
    """Each item has its turn in the order in which they came: none of the other batch is passed over."""
    both_wait = threading.Event()
    harness.ollama.answers.default = Answer(NOTES, held=both_wait)
    queued: list[str] = []
    let_in: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, OffloadStage) and event.stage == "queue":
            queued.append(event.offload_id)
        elif isinstance(event, OffloadStage) and event.stage in ("prompt", "load"):
            let_in.append(event.offload_id)

    harness.hub.events.subscribe(note)
    names = harness.write_files(40)
    first = await harness.notes_on(names[:20])
    second = await harness.notes_on(names[20:])
    while harness.hub.engine.waiting < 2 * (2 * harness.hub.engine.slots + 1) - 1:
        await asyncio.sleep(0.02)
    both_wait.set()
    assert await end(harness, first) == await end(harness, second) == {"delivered": 20}
    assert let_in == queued
    asked = [_asks_for_second(body) for body in harness.ollama.bodies("/api/chat")]
    assert set(asked[:6]) == {False, True}, "both take part from the start"


def _asks_for_second(body: dict[str, Any]) -> bool:
    found = re.search(r"value_(\d+)", prompt_of(body))
    assert found is not None
    return int(found[1]) >= 20


async def test_an_unknown_job_is_named(harness: HubHarness) -> None:
    with pytest.raises(NotFound, match="j-none"):
        await harness.hub.batches.wait("j-none", 0)


async def test_every_function_of_a_file_becomes_an_item(harness: HubHarness) -> None:
    (harness.project / "two.py").write_text(
        "def a():\n    def inner(): ...\n\n\nclass C:\n    def b(self): ...\n"
    )
    workspace = harness.hub.offloader.workspace(harness.caller)
    found = expand_inputs(workspace, ["two.py::*"])
    assert found == ("two.py::a", "two.py::C.b")
    assert expand_inputs(workspace, ["*.py", "two.py"]) == ("two.py",)
    (harness.project / "words.md").write_text("no function\n")
    with pytest.raises(SelectionNotFound, match=r"words\.md"):
        expand_inputs(workspace, ["two.py::*", "words.md::*"])


async def test_one_item_can_be_tried_again_alone(harness: HubHarness) -> None:
    names = harness.write_files(6)
    for broken in ("value_2", "value_4"):
        harness.ollama.answers.when(broken, Answer(""))
    job_id = await harness.notes_on(names)
    assert await end(harness, job_id) == {"delivered": 4, "handed_back": 2}
    for mended in ("value_2", "value_4"):
        harness.ollama.answers.when(mended, Answer(NOTES))
    assert await harness.hub.batches.retry(job_id, 0) == 0, "an item that is done is not done again"
    assert await harness.hub.batches.retry(job_id, 4) == 1
    assert await end(harness, job_id) == {"delivered": 5, "handed_back": 1}
    with pytest.raises(NotFound, match="no item 6"):
        await harness.hub.batches.retry(job_id, 6)


async def test_whoever_resumes_a_stopped_batch_sees_it_go_on(harness: HubHarness) -> None:
    harness.ollama.answers.default = Answer("")
    job_id = await harness.notes_on(harness.write_files(12))
    stopped = await end(harness, job_id)
    assert (await harness.hub.batches.get(job_id)).state == "stopped"
    harness.ollama.answers.default = Answer(NOTES)
    await harness.hub.batches.resume(job_id)
    ended = await end(harness, job_id)
    assert ended["delivered"] == stopped["waiting"]
    assert (await harness.hub.batches.get(job_id)).state == "done"


@pytest.mark.parametrize("seed", [7, 8])
async def test_pausing_and_going_on_again_and_again_does_no_item_twice(
    harness: HubHarness, seed: int
) -> None:
    chance = random.Random(seed)
    job_id = await harness.notes_on(harness.write_files(30))
    while not await harness.hub.batches.wait(job_id, 0):
        await harness.hub.batches.pause(job_id)
        ended = (await harness.hub.batches.counts(job_id)).ended
        await harness.hub.batches.resume(job_id)
        # However slow the machine, each turn brings the batch nearer to its end.
        await some_ended(harness, job_id, more_than=ended)
        for _ in range(chance.randrange(100)):
            await asyncio.sleep(0)
    assert (await harness.hub.batches.counts(job_id)).by_state == {"delivered": 30}
    delivered = await harness.hub.history.page(OffloadFilter(outcome="delivered"), limit=100)
    assert sorted(str(row.output) for row in delivered) == [f"mod_{number:03}.md" for number in range(30)]


async def test_a_retry_while_the_last_items_end_is_not_lost(harness: HubHarness) -> None:
    harness.ollama.answers.when("value_0", Answer(""))
    job_id = await harness.notes_on(harness.write_files(2))
    while not (await harness.hub.batches.counts(job_id)).unsuccessful:
        await asyncio.sleep(0.001)
    harness.ollama.answers.when("value_0", Answer(NOTES))
    await harness.hub.batches.retry(job_id)
    assert await end(harness, job_id) == {"delivered": 2}


async def test_a_running_batch_counts_items_that_are_tried_again_or_cancelled(harness: HubHarness) -> None:
    async def left(wanted: int) -> None:
        async with asyncio.timeout(LONG):
            while [batch.left for batch in harness.hub.snapshot().batches] != [wanted]:
                await asyncio.sleep(0.005)

    harness.ollama.answers.when("value_0", Answer(""))
    harness.ollama.answers.when("value_1", Answer(""))
    harness.ollama.answers.when("value_3", ENDLESS)
    job_id = await harness.notes_on(harness.write_files(4))
    await left(1)
    assert await harness.hub.batches.retry(job_id) == 2
    await left(3)
    await harness.hub.batches.cancel(job_id, 0)
    await left(2)
    assert (await harness.hub.batches.counts(job_id)).by_state["cancelled"] == 1


async def test_a_batch_that_runs_again_at_its_end_counts_no_item_twice(harness: HubHarness) -> None:
    harness.ollama.answers.when("value_0", Answer(""))
    job_id = await harness.notes_on(harness.write_files(3))
    assert await end(harness, job_id) == {"delivered": 2, "handed_back": 1}
    hub, jobs = harness.hub, Jobs(harness.hub.history.database)
    services = JobServices(
        hub.engine,
        hub.offloader,
        jobs,
        hub.history,
        CallCosts(hub.history, hub.ledger),
        lambda _: None,
        hub.gate.denies_item,
        lambda: False,
        lambda: True,
    )
    run = JobRun(await hub.batches.get(job_id), services)
    lefts = []
    for _ in range(2):
        await jobs.retry_failed(job_id)
        assert await run.work() == ""
        lefts.append(run.progress.left)
    assert lefts == [0, 0]


async def test_while_the_user_pauses_everything_no_item_begins(harness: HubHarness) -> None:
    harness.hub.pause()
    job_id = await harness.notes_on(harness.write_files(3))
    await asyncio.sleep(0.3)
    assert (await harness.hub.batches.counts(job_id)).by_state == {"waiting": 3}
    harness.hub.resume()
    assert await end(harness, job_id) == {"delivered": 3}


async def test_changes_are_told_often_but_not_one_by_one_and_the_last_always(harness: HubHarness) -> None:
    told: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, JobChanged):
            told.append(event.job_id)

    job_id = await harness.notes_on(harness.write_files(20))
    harness.hub.events.subscribe(listen)
    assert await end(harness, job_id) == {"delivered": 20}
    before_the_last = len(told)
    await asyncio.sleep(2 * INTERVAL)
    assert told
    assert set(told) == {job_id}
    assert len(told) - before_the_last <= 2


async def test_a_hub_that_ends_says_so_to_whom_it_leaves(harness: HubHarness) -> None:
    harness.ollama.answers.default = Answer(NOTES, first_delay=30)
    task = Task("Write notes.", output="single.md")
    waiting = asyncio.create_task(harness.hub.offloader.run(task, harness.caller, _silent))
    while not harness.ollama.running:
        await asyncio.sleep(0.02)
    await harness.hub.end_work()
    outcome = await waiting
    assert outcome.name == "cancelled"
    assert "Token Saver is closing" in outcome.text


async def test_whoever_asks_twice_at_once_starts_a_batch_once(harness: HubHarness) -> None:
    harness.ollama.answers.when("value_3", ENDLESS)
    job_id = await harness.notes_on(harness.write_files(4))
    batches = harness.hub.batches
    await asyncio.gather(batches.pause(job_id), batches.pause(job_id))
    await asyncio.gather(batches.resume(job_id), batches.resume(job_id), batches.retry(job_id))
    await batches.pause(job_id)
    assert (await batches.counts(job_id)).by_state.get("running", 0) == 0
    assert (await batches.get(job_id)).state == "paused"
    harness.ollama.answers.when("value_3", Answer(NOTES))
    await batches.resume(job_id)
    assert await end(harness, job_id) == {"delivered": 4}
