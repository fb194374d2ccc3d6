"""Tests of load: limits come before work, and one client's searches do not delay another client."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from server.batch.items import judged_item
from server.calls.prepare import prepare
from server.calls.prepared import Prepared
from server.common.client_pool import ClientPool
from server.common.errors import BadArguments, TokenSaverError
from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.offload.files import globs
from server.offload.files.search_threads import SEARCH_THREADS
from server.offload.files.workspace import Workspace, open_workspace, read_task
from server.offload.values import Caller, Task
from server.store.job_records import ItemRecord, JobRecord
from server.tools.mcp_server import build_mcp
from tests.hub_in_process import running_hub
from tests.mcp_clients import text_of
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

FOLDERS, FILES = 100, 60
GLOBS = [f"**/*{n}.txt" for n in range(20)]
SECONDS = 20.0
"""Far less than the work would take without limits, far more than refusing takes."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("large")
    for folder in range(FOLDERS):
        (project / f"d{folder}").mkdir()
        for file in range(FILES):
            (project / f"d{folder}" / f"f{file}.txt").touch()
    return project


def workspace_of(project: Path, session: str) -> Workspace:
    caller = Caller("test", session, project, (project,))
    return open_workspace(caller, Settings(), find_folders())


async def prepared(project: Path, tool: str, session: str = "s", **arguments: Any) -> Prepared:
    return await prepare(Settings(), workspace_of(project, session), tool, arguments)


async def test_a_flood_of_searches_does_not_delay_another_client(project: Path) -> None:
    flood = [
        asyncio.create_task(prepared(project, "offload_work", "flood", task="x", files=GLOBS))
        for _ in range(8)
    ]
    await asyncio.sleep(0.2)
    quiet = await prepared(project, "offload_work", "quiet", task="x", files=["d1/f1.txt"])
    assert quiet.call.files == 1
    assert not all(task.done() for task in flood[:2]), "the quiet client did not wait for them"
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    # The search of the running call ends as well.
    async with asyncio.timeout(SECONDS):
        while not SEARCH_THREADS.idle:
            await asyncio.sleep(0.02)


async def test_the_items_of_a_batch_share_their_clients_thread(project: Path) -> None:
    job = JobRecord("j", 0.0, "x", "test", "batch", str(project), (), sequential=False)
    arguments = {"task": "x", "files": GLOBS[:3]}
    workspaces = [workspace_of(project, job.session) for _ in range(50)]
    flood = [
        asyncio.create_task(judged_item(job, ItemRecord(number, arguments), workspace))
        for number, workspace in enumerate(workspaces)
    ]
    await asyncio.sleep(0.2)
    call = prepared(project, "offload_work", "quiet", task="x", files=["d1/f1.txt"])
    quiet = asyncio.create_task(call)
    try:
        while not quiet.done():
            assert sum(task.done() for task in flood) < 4, "the quiet client waits for them"
            await asyncio.sleep(0.02)
        assert quiet.result().call.files == 1
    finally:
        for task in (*flood, quiet):
            task.cancel()
        await asyncio.gather(*flood, quiet, return_exceptions=True)
    async with asyncio.timeout(SECONDS):
        while not SEARCH_THREADS.idle:
            await asyncio.sleep(0.02)
    with pytest.raises(globs.SearchStopped):
        workspaces[-1].walker.check()


async def test_a_cancelled_search_ends(project: Path) -> None:
    workspace = workspace_of(project, "s")
    workspace.walker.stop()
    with pytest.raises(globs.SearchStopped):
        await prepare(Settings(), workspace, "offload_work", {"task": "x", "files": ["**/*.txt"]})


async def test_a_folder_is_walked_once_for_all_patterns_of_a_call(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The number of visited files is bounded for the call, so a second walk would exceed it.
    monkeypatch.setattr(globs, "MOST_ENTRIES", FOLDERS * (FILES + 1) + 1)
    call = await prepared(project, "offload_work", task="x", files=["**/f1.txt", "**/f2.txt", "*/f3.txt"])
    assert call.call.files == 3 * FOLDERS
    call = await prepared(project, "offload_work", task="x", files=["**/f1.txt", "d1/*.txt"])
    assert call.call.files == FOLDERS + 1, "the second pattern exceeds the bound"
    with pytest.raises(BadArguments, match="cover more than"):
        read_task(call.workspace, Task("x", tuple(call.arguments["files"])))


MANY_NAMES = [f"d1/f{n}.txt" for n in range(100_000)]


@pytest.mark.parametrize(
    ("tool", "arguments", "cause"),
    [
        pytest.param("offload_work", {"task": "x", "files": MANY_NAMES}, "100,000 names", id="files"),
        pytest.param("compress_context", {"files": MANY_NAMES}, "100,000 names", id="files-of-a-digest"),
        pytest.param(
            "batch_offload",
            {"task": "x", "each": MANY_NAMES[:20_000], "output": "{path}"},
            "`each` names 20,000 files; a batch takes at most 500",
            id="each",
        ),
        pytest.param(
            "batch_offload",
            {"tasks": [{"task": "x", "files": MANY_NAMES}, {"task": "y"}]},
            "100,000 names",
            id="files-in-a-batch",
        ),
        pytest.param("offload_work", {"task": "x " * 2_000_000}, "4,000,000 characters", id="task"),
        pytest.param(
            "batch_offload",
            {"task": "x", "each": ["**/*.txt"], "output": "{path}"},
            "matches more than 5,000 files",
            id="one-glob",
        ),
    ],
)
async def test_limits_come_before_work(
    project: Path, tmp_path: Path, tool: str, arguments: dict[str, Any], cause: str
) -> None:
    with OllamaStandIn() as ollama:
        settings = Settings(backend=BackendSettings(kind="ollama", url=ollama.url), roots=(project,))
        async with running_hub(settings) as hub, Client(build_mcp(hub), mode="2026-07-28") as client:
            started = time.process_time()  # a busy machine does not count
            result = await client.call_tool(tool, arguments)
            assert time.process_time() - started < SECONDS
    assert result.is_error
    assert cause in text_of(result)


async def test_a_client_has_one_thread_and_errors_reach_it() -> None:
    pool = ClientPool(2, "test")
    running: list[str] = []

    def work(name: str) -> str:
        running.append(name)
        assert running.count(name) == 1
        time.sleep(0.02)
        running.remove(name)
        return name

    assert await asyncio.gather(*(pool.run(name, work, name) for name in "ababaacc")) == list("ababaacc")

    def fail() -> None:
        raise BadArguments("No.", "Stop.")

    with pytest.raises(TokenSaverError):
        await pool.run("a", fail)
    waiting = [asyncio.create_task(pool.run("a", work, "a")) for _ in range(3)]
    await asyncio.sleep(0.01)
    waiting[1].cancel()
    assert await waiting[2] == "a"
    assert waiting[1].cancelled()
    assert pool.idle
