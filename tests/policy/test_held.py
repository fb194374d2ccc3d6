"""Tests that agents cannot continue jobs that the user paused or cancelled, or that used up their limits."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from mcp.client.client import Client

from server.common.events import ApprovalRequested, Event
from server.config.folders import find_folders
from server.config.sections import BackendSettings, BatchSettings
from server.config.settings import Settings
from server.hub import Hub
from server.policy.approvals import ApprovalAnswer
from server.tools.mcp_server import build_mcp
from tests.mcp_clients import text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

LONG = 60.0
ENDLESS = Answer("on: push\n", first_delay=600)
FOLDER = ".github/workflows"
FILES = ["1.yml", "2.yml", "3.yml"]
TASKS = [{"task": "Write it.", "output": f"{FOLDER}/{name}", "output_format": "raw"} for name in FILES]

OpenHub = Callable[..., Awaitable[Hub]]


@pytest.fixture
async def open_hub(tmp_path: Path, ollama_standin: OllamaStandIn) -> AsyncIterator[OpenHub]:
    """Start a hub whose user approves everything once; ``batch`` has its settings."""
    project = tmp_path / "project"
    project.mkdir()
    ollama_standin.answers.default = Answer("on: push\n")
    async with AsyncExitStack() as stack:

        async def start(**batch: int) -> Hub:
            backend = BackendSettings(kind="ollama", url=ollama_standin.url)
            settings = Settings(backend=backend, roots=(project,), batch=BatchSettings.model_validate(batch))
            hub = await Hub.start(settings, find_folders())
            stack.push_async_callback(hub.close)
            hub.events.subscribe(lambda event: _approve(hub, event))
            return hub

        yield start


def _approve(hub: Hub, event: Event) -> None:
    if isinstance(event, ApprovalRequested):
        hub.answer_approval(event.approval_id, ApprovalAnswer(approved=True, extent="once", by="tray"))


async def _call(hub: Hub, tool: str, **arguments: object) -> str:
    """Call a tool as an agent does."""
    async with Client(build_mcp(hub), mode="2026-07-28") as client:
        return text_of(await client.call_tool(tool, arguments))


async def _hand_in(hub: Hub, *, wait: bool = False) -> str:
    text = await _call(hub, "batch_offload", tasks=TASKS, sequential=True, wait=wait)
    return text.split()[1]


async def _refuses(hub: Hub, job: str, why: str) -> None:
    for action in ("resume", "retry"):
        answer = await _call(hub, "check_job", job=job, action=action)
        if action == "retry" or (await hub.batches.get(job)).state in {"paused", "stopped"}:
            assert answer.startswith(f"denied: {why}"), answer


def _written(hub: Hub) -> list[str]:
    return sorted(path.name for path in (hub.settings.roots[0] / FOLDER).glob("*"))


async def _states(hub: Hub, job: str) -> dict[str, int]:
    assert await hub.batches.wait(job, LONG)
    return (await hub.batches.counts(job)).by_state


async def test_an_agent_cannot_retry_a_cancelled_job(
    open_hub: OpenHub, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.default = ENDLESS
    hub = await open_hub()
    job = await _hand_in(hub)
    await hub.batches.cancel(job)
    ollama_standin.answers.default = Answer("on: push\n")
    await _refuses(hub, job, f"The user cancelled job {job}. ")
    looked = await _call(hub, "check_job", job=job)
    assert "only the user can resume it" in looked
    assert "check_job" not in looked
    assert (await _states(hub, job), _written(hub)) == ({"cancelled": 3}, [])
    assert await hub.batches.retry(job, 0) == 1
    assert await _states(hub, job) == {"delivered": 1, "cancelled": 2}
    await _call(hub, "check_job", job=job, action="retry", wait=60)
    assert _written(hub) == ["1.yml"], "the others the user cancelled, too"


async def test_an_agent_cannot_resume_a_paused_job(open_hub: OpenHub, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = ENDLESS
    hub = await open_hub()
    job = await _hand_in(hub)
    await _call(hub, "check_job", job=job, action="pause")
    await hub.batches.pause(job)
    await _refuses(hub, job, f"The user paused job {job}. ")
    await _call(hub, "check_job", job=job, action="cancel")
    await _refuses(hub, job, f"The user cancelled job {job}. ")
    await hub.close()
    again = await open_hub()
    await _refuses(again, job, f"The user cancelled job {job}. ")
    assert _written(again) == []


async def test_an_item_that_the_user_cancelled_stays_so(
    open_hub: OpenHub, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.default = ENDLESS
    hub = await open_hub()
    job = await _hand_in(hub)
    await hub.batches.cancel(job, 1)
    await _call(hub, "check_job", job=job, action="cancel")
    ollama_standin.answers.default = Answer("on: push\n")
    answer = await _call(hub, "check_job", job=job, action="retry", item=1)
    assert answer.startswith(f"denied: The user cancelled item 1 of job {job}. ")
    await _call(hub, "check_job", job=job, action="retry", wait=60)
    assert (await _states(hub, job))["cancelled"] == 1
    assert "2.yml" not in _written(hub)


async def test_an_agent_can_continue_its_own_jobs(open_hub: OpenHub, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = ENDLESS
    hub = await open_hub()
    job = await _hand_in(hub)
    deadline = (await hub.batches.get(job)).deadline
    for stop, go_on in (("pause", "resume"), ("cancel", "retry")):
        await _call(hub, "check_job", job=job, action=stop)
        await _call(hub, "check_job", job=job, action=go_on)
        assert (await hub.batches.get(job)).state == "running"
    await _call(hub, "check_job", job=job, action="pause")
    ollama_standin.answers.default = Answer("")
    await _call(hub, "check_job", job=job, action="resume", wait=60)
    assert "delivered" not in await _states(hub, job)
    ollama_standin.answers.default = Answer("on: push\n")
    await _call(hub, "check_job", job=job, action="retry", wait=60)
    assert (await _states(hub, job), _written(hub)) == ({"delivered": 3}, FILES)
    assert (await hub.batches.get(job)).deadline == deadline, "no time was won by it"


async def test_an_agent_gains_no_tokens_and_no_time(open_hub: OpenHub) -> None:
    hub = await open_hub(max_tokens=1)
    job = await _hand_in(hub, wait=True)
    assert _written(hub) == ["1.yml"]
    await _refuses(hub, job, f"Job {job} has reached its budget of 1 tokens; ")
    assert "submit the rest as a new batch" in await _call(hub, "check_job", job=job)
    assert _written(hub) == ["1.yml"]
    await hub.batches.resume(job)
    assert await _states(hub, job) == {"delivered": 2, "waiting": 1}
