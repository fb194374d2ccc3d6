"""The bounds of a batch: tokens, time, checks that hang, and what is refused before anything runs."""

import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from server.batch.inputs import expand_inputs
from server.batch.plan import plan_each, plan_tasks
from server.common.errors import BadArguments, WorkspaceError
from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from tests.batch.conftest import LONG, NOTES, HubHarness
from tests.standins.answers import Answer
from tests.standins.engine_cases import recorded
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

OpenDesk = Callable[..., Coroutine[Any, Any, HubHarness]]


@pytest.fixture
async def open_desk(ollama_standin: OllamaStandIn, tmp_path: Path) -> AsyncIterator[OpenDesk]:
    """Open a harness with settings of one's own."""
    hubs: list[Hub] = []

    async def open_with(busy_timeout: float = 20.0, **settings: Any) -> HubHarness:
        ollama_standin.answers.default = Answer(NOTES)
        project = tmp_path / "project"
        project.mkdir()
        backend = BackendSettings(kind="ollama", url=ollama_standin.url, busy_timeout=busy_timeout)
        hub = await Hub.start(Settings(backend=backend, **settings), find_folders())
        hubs.append(hub)
        return HubHarness(hub, ollama_standin, project)

    yield open_with
    for hub in hubs:
        await hub.close()


async def test_a_check_that_hangs_fails_just_its_item(open_desk: OpenDesk) -> None:
    harness = await open_desk(
        checks={"hangs": f'"{sys.executable}" -c "import time; time.sleep(600)"'},
        offload={"check_timeout": 1.0, "repair_rounds": 0},
    )
    harness.write_files(3)
    tasks = [
        {"task": "Write notes.", "files": [f"mod_{number:03}.py"], "output": f"mod_{number:03}.md"}
        for number in range(3)
    ]
    tasks[1]["check"] = "hangs"
    planned = plan_tasks(tasks, sequential=False)
    job_id = await harness.hub.batches.submit(planned, harness.caller)
    assert await harness.hub.batches.wait(job_id, LONG)
    assert (await harness.hub.batches.counts(job_id)).by_state == {"delivered": 2, "handed_back": 1}
    (wrong,) = await harness.hub.batches.unsuccessful_items(job_id)
    assert wrong.position == 1
    assert not (harness.project / "mod_001.md").exists()


async def test_a_batch_stops_at_its_budget_of_tokens_and_goes_on_with_as_many_more(
    open_desk: OpenDesk,
) -> None:
    harness = await open_desk(batch={"max_tokens": 500})
    job_id = await harness.notes_on(harness.write_files(8))
    assert await harness.hub.batches.wait(job_id, LONG)
    job, counts = await harness.hub.batches.get(job_id), await harness.hub.batches.counts(job_id)
    assert (job.state, job.reason) == ("stopped", "Stopped at its budget of 500 tokens.")
    assert 500 <= counts.tokens < 1500
    await harness.hub.batches.resume(job_id)
    assert await harness.hub.batches.wait(job_id, LONG)
    assert (await harness.hub.batches.counts(job_id)).successful > counts.successful


async def test_a_batch_that_mostly_fails_goes_on_where_the_user_wants_that(open_desk: OpenDesk) -> None:
    harness = await open_desk(batch={"stop_failing": False})
    harness.ollama.answers.default = Answer("")
    job_id = await harness.notes_on(harness.write_files(8))
    assert await harness.hub.batches.wait(job_id, LONG)
    assert (await harness.hub.batches.counts(job_id)).by_state == {"handed_back": 8}


async def test_an_engine_that_breaks_off_is_asked_again_thrice_at_most(open_desk: OpenDesk) -> None:
    harness = await open_desk()
    broken: list[str] = []

    def breaks(prompt: str, _body: dict[str, Any]) -> Answer | None:
        if "value_0" in prompt and len(broken) < 1:
            broken.append(prompt)
            return Answer("half of it", ends="broken")
        return None

    harness.ollama.answers.choose(breaks)
    job_id = await harness.notes_on(harness.write_files(2))
    assert await harness.hub.batches.wait(job_id, LONG)
    assert (await harness.hub.batches.counts(job_id)).by_state == {"delivered": 2}
    assert broken


async def test_a_batch_waits_for_an_engine_that_loads(open_desk: OpenDesk) -> None:
    harness = await open_desk(busy_timeout=0)
    harness.ollama.given = {"/api/chat": [recorded("flap503") for _ in range(4)]}
    job_id = await harness.notes_on(harness.write_files(2))
    assert await harness.hub.batches.wait(job_id, LONG)
    assert (await harness.hub.batches.counts(job_id)).by_state == {"delivered": 2}
    assert harness.ollama.given == {"/api/chat": []}


@pytest.mark.parametrize(
    ("each", "output"),
    [
        (["*.zig"], "{path}"),
        (["../*.py"], "{path}"),
        (["*.py"], "all.md"),
        (["*.py"], "mod_000.py"),
        (["mod_000.py", "mod_001.py"], "{dir}/mod_000.{ext}"),
        (["*.py::*"], "{unknown}"),
        (["shop"], "{path}"),
        (["mod_000.py", "shop/"], "{dir}/{stem}.md"),
    ],
    ids=[
        "no match",
        "outside",
        "two inputs, one file",
        "over one input",
        "cycle",
        "unknown placeholder",
        "folder",
        "folder with a slash",
    ],
)
async def test_bad_input_is_refused_before_anything_runs(
    open_desk: OpenDesk, each: list[str], output: str
) -> None:
    harness = await open_desk()
    harness.write_files(2)
    (harness.project / "shop").mkdir()
    before = {path: path.read_bytes() for path in harness.project.glob("*.py")}

    async def ask() -> None:
        inputs = expand_inputs(harness.hub.offloader.workspace(harness.caller), each)
        plan_each("Write notes.", inputs, output, {}, cap=10)

    with pytest.raises((BadArguments, WorkspaceError)) as refused:
        await ask()
    assert refused.value.next_step
    assert {path: path.read_bytes() for path in harness.project.glob("*.*")} == before
    assert not harness.ollama.outcomes("/api/chat")


async def test_tasks_that_work_on_the_same_files_follow_one_another(open_desk: OpenDesk) -> None:
    harness = await open_desk()
    harness.write_files(2)
    tasks = [
        {"task": f"Question {number}?", "files": [f"mod_{number % 2:03}.py"], "output_format": "explanation"}
        for number in range(6)
    ]
    planned = plan_tasks(tasks, sequential=False)
    assert [item["files"] for item in planned.items] == [["mod_000.py"]] * 3 + [["mod_001.py"]] * 3
    assert [item["task"] for item in plan_tasks(tasks, sequential=True).items] == [
        f"Question {number}?" for number in range(6)
    ]
