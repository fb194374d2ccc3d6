"""Long calls as tasks: a client that declares the extension gets one, and nobody else."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp.client.client import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Request, RequestParams, Result
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic import ConfigDict, Field

from server.bridge.keys import Keys
from server.calls.long_calls.tasks_extension import EXTENSION
from server.config.folders import find_folders
from server.config.sections import BackendSettings, OffloadSettings
from server.config.settings import Settings
from server.hub import Hub
from server.tools.mcp_server import build_mcp
from tests.hub_process import start_hub
from tests.mcp_clients import bridge_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

NOTES = "# Notes\n\nThis file holds one function that returns a number.\n"
BATCH = {"task": "Write notes on this file.", "each": ["*.py"], "output": "{stem}.md"}
TASK_FIELDS = {"taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"}
INVALID_PARAMS, MISSING_CAPABILITY = -32602, -32021


class CreateTaskResult(Result):
    """The answer that stands for a call which goes on."""

    model_config = ConfigDict(extra="allow")
    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")
    status: str


class Detailed(Result):
    """The answer to ``tasks/get``; what there is depends on the status."""

    model_config = ConfigDict(extra="allow")
    result_type: str = Field(alias="resultType")


class TaskParams(RequestParams):
    task_id: str = Field(serialization_alias="taskId")


class TaskRequest(Request[TaskParams, str]):
    name_param = "taskId"


@dataclass
class TasksClient(ClientExtension):
    """A client that knows tasks: looks again until one has ended, or leaves it alone."""

    identifier = EXTENSION
    polls: bool = True
    created: list[dict[str, Any]] = field(default_factory=list)

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=CreateTaskResult, resolve=self._resolve)]

    async def _resolve(self, task: CreateTaskResult, context: ClaimContext) -> CallToolResult:
        self.created.append(task.model_dump(by_alias=True))
        while self.polls:
            state = await ask(context.session, "tasks/get", task.task_id)
            if state["status"] == "completed":
                return CallToolResult.model_validate(state["result"])
            await asyncio.sleep(0.05)
        return CallToolResult(content=[])


async def ask(session: Any, method: str, task_id: str) -> dict[str, Any]:
    """Send a request about a task."""
    request = TaskRequest(method=method, params=TaskParams(task_id=task_id))
    result = await session.send_request(request, Detailed)
    return dict(result.model_dump(by_alias=True))


@dataclass(frozen=True)
class Place:
    hub: Hub
    ollama: OllamaStandIn
    project: Path

    def hold(self) -> None:
        """Let no answer come to its end: what was begun goes on."""
        self.ollama.answers.default = Answer(NOTES, held=threading.Event())

    @asynccontextmanager
    async def client(self, *extensions: ClientExtension) -> AsyncIterator[Client]:
        """A client of this hub."""
        async with Client(
            build_mcp(self.hub), mode=LATEST_MODERN_VERSION, extensions=extensions or None
        ) as client:
            yield client


@pytest.fixture
async def place(ollama_standin: OllamaStandIn, tmp_path: Path) -> AsyncIterator[Place]:
    ollama_standin.answers.default = Answer(NOTES, first_delay=0.5)
    project = tmp_path / "project"
    project.mkdir()
    for number in range(4):
        (project / f"mod_{number}.py").write_text(f"def value_{number}():\n    return {number}\n")
    hub = await _hub(ollama_standin, project)
    yield Place(hub, ollama_standin, project)
    await hub.close()


async def _hub(ollama: OllamaStandIn, project: Path) -> Hub:
    plain = Settings(backend=BackendSettings(kind="ollama", url=ollama.url), roots=(project,))
    offload = OffloadSettings(client_patience=0.3, run_code=False)
    settings = plain.model_copy(update={"offload": offload})
    return await Hub.start(settings, find_folders(), keys=Keys("token", 1))


async def test_a_batch_that_outlives_its_clients_patience_becomes_a_task(place: Place) -> None:
    knows = TasksClient()
    async with place.client(knows) as client:
        text = text_of(await client.call_tool("batch_offload", BATCH))
    assert "4 of 4 done" in text
    (created,) = knows.created
    assert created.keys() >= TASK_FIELDS
    assert created["status"] == "working"
    assert created["ttlMs"] > 0
    assert {path.name for path in place.project.glob("*.md")} == {f"mod_{number}.md" for number in range(4)}


async def test_a_single_offload_goes_on_as_a_task_too(place: Place) -> None:
    place.ollama.answers.default = Answer(NOTES, first_delay=3.0)
    knows = TasksClient()
    async with place.client(knows) as client:
        arguments = {"task": "Write notes.", "files": ["mod_0.py"], "output": "notes.md"}
        text = text_of(await client.call_tool("offload_work", arguments))
    assert len(knows.created) == 1
    assert "notes.md" in text
    assert (place.project / "notes.md").read_text() == NOTES


async def test_what_ends_in_time_is_answered_at_once(place: Place) -> None:
    knows = TasksClient()
    patient = OffloadSettings(client_patience=60)
    place.hub.settings = place.hub.settings.model_copy(update={"offload": patient})
    async with place.client(knows) as client:
        assert "4 tasks" in text_of(await client.call_tool("batch_offload", {**BATCH, "dry_run": True}))
    assert not knows.created


async def test_a_task_can_be_cancelled(place: Place) -> None:
    place.hold()
    knows = TasksClient(polls=False)
    async with place.client(knows) as client:
        await client.call_tool("batch_offload", BATCH)
        task_id = knows.created[0]["taskId"]
        assert (await ask(client.session, "tasks/get", task_id))["status"] == "working"
        assert (await ask(client.session, "tasks/cancel", task_id))["resultType"] == "complete"
        ended = await ask(client.session, "tasks/get", task_id)
    assert ended["status"] == "cancelled"
    job = await place.hub.batches.get(task_id.partition(".")[0])
    assert job.state == "cancelled"


async def test_a_batchs_task_tells_no_secret(place: Place) -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    missing = {"task": "Explain", "files": [f"{token}.py"], "output": "a.md"}
    slow = {"task": "Write notes.", "files": ["mod_0.py"], "output": "b.md"}
    place.ollama.answers.default = Answer(NOTES, first_delay=3.0)
    knows = TasksClient()
    async with place.client(knows) as client:
        text = text_of(await client.call_tool("batch_offload", {"tasks": [missing, slow]}))
    assert len(knows.created) == 1
    assert "[removed: GitHub Token].py" in text
    assert token not in text
    rows = await place.hub.gate.trail.search(kind="secrets")
    # On a busy machine, the call may return before its first item is refused.
    assert {"check_job"} <= {row.tool for row in rows} <= {"batch_offload", "check_job"}


@pytest.mark.parametrize(
    "policy",
    [
        "hide: [check_job]\ntools: {}\n",
        "default: deny\ntools:\n  batch_offload: {rules: []}\n  offload_work: {rules: []}\n",
        "tools:\n  check_job:\n    rules:\n      - {name: nothing, action: deny}\n",
    ],
)
async def test_who_may_not_look_at_jobs_may_not_by_their_tasks(place: Place, policy: str) -> None:
    place.hold()
    knows = TasksClient(polls=False)
    async with place.client(knows) as client:
        await client.call_tool("batch_offload", BATCH)
        task_id = knows.created[0]["taskId"]
        assert (await ask(client.session, "tasks/get", task_id))["status"] == "working"
        place.hub.folders.policy_file.write_text(f'version: "1"\n{policy}')
        for method in ("tasks/get", "tasks/cancel", "tasks/update"):
            with pytest.raises(MCPError, match=r"check_job|nothing") as refused:
                await ask(client.session, method, task_id)
            assert refused.value.code == INVALID_PARAMS
    rows = await place.hub.gate.trail.search(kind="decision")
    assert [row.tool for row in rows if row.verdict == "deny"] == ["check_job"] * 3


async def test_a_batchs_task_outlives_a_restart(place: Place) -> None:
    place.hold()
    knows = TasksClient(polls=False)
    async with place.client(knows) as client:
        await client.call_tool("batch_offload", BATCH)
    task_id = knows.created[0]["taskId"]
    await place.hub.close()
    place.ollama.answers.default = Answer(NOTES)
    again = await _hub(place.ollama, place.project)
    try:
        assert await again.batches.wait(task_id.partition(".")[0], 60)
        async with Client(build_mcp(again), mode=LATEST_MODERN_VERSION, extensions=[TasksClient()]) as client:
            ended = await ask(client.session, "tasks/get", task_id)
    finally:
        await again.close()
    assert ended["status"] == "completed"
    assert "4 of 4 done" in ended["result"]["content"][0]["text"]


async def test_a_client_that_knows_no_tasks_gets_the_jobs_id_and_may_not_ask(place: Place) -> None:
    place.hold()
    async with place.client() as client:
        text = text_of(await client.call_tool("batch_offload", BATCH))
        assert "is running" in text
        assert "check_job" in text
        with pytest.raises(MCPError) as refused:
            await ask(client.session, "tasks/get", "x")
    assert refused.value.code == MISSING_CAPABILITY


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])
async def test_an_id_that_was_guessed_is_unknown(place: Place, method: str) -> None:
    place.hold()
    knows = TasksClient(polls=False)
    async with place.client(knows) as client:
        await client.call_tool("batch_offload", BATCH)
        job_id = knows.created[0]["taskId"].partition(".")[0]
        for guessed in ("nothing", job_id, f"{job_id}.", f"{job_id}.{'0' * 32}"):
            with pytest.raises(MCPError) as refused:
                await ask(client.session, method, guessed)
            assert refused.value.code == INVALID_PARAMS


async def test_tasks_pass_the_bridge(ollama_standin: OllamaStandIn, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "mod.py").write_text("x = 1\n")
    ollama_standin.answers.default = Answer(NOTES, first_delay=1.0)
    settings = {
        "TOKEN_SAVER_BACKEND__URL": ollama_standin.url,
        "TOKEN_SAVER_OFFLOAD__CLIENT_PATIENCE": "0.3",
    }
    knows = TasksClient()
    with start_hub(tmp_path / "home", **settings) as hub:
        async with bridge_client(
            hub.environ, project, mode=LATEST_MODERN_VERSION, extensions=(knows,)
        ) as client:
            text = text_of(await client.call_tool("batch_offload", BATCH))
    assert "1 of 1 done" in text
    assert len(knows.created) == 1
