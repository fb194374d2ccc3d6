"""A call is parsed, expanded and planned once: the policy judges what the tool then runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from server.calls.path_refusals import refused_path
from server.calls.prepare import prepare
from server.calls.prepared import Prepared
from server.common.errors import BadArguments, PathOutsideRoots
from server.config.folders import find_folders
from server.config.sections import BackendSettings, BatchSettings
from server.config.settings import Settings
from server.offload.files.workspace import open_workspace
from server.offload.values import Caller, Task
from server.policy.approvals import ApprovalAnswer
from server.tools.mcp_server import build_mcp
from tests.hub_in_process import running_hub
from tests.mcp_clients import text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = [pytest.mark.anyio, pytest.mark.fast]

POLICY = """\
version: "1"
tools:
  offload_work:
    rules:
      - name: ask first
        action: require_approval
"""

DENIES_LOGS = """\
version: "1"
tools:
  compress_context:
    rules:
      - name: no private logs
        action: deny
        conditions:
          - path: args.files
            op: contains
            value: private/app.log
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("a", "b"):
        (project / f"{name}.py").write_text(f"VALUE_OF_{name.upper()} = 1\n")
    return project


async def prepared(project: Path, tool: str, **arguments: Any) -> Prepared:
    settings = Settings(batch=BatchSettings(max_items=5))
    caller = Caller("claude-code", "s", project, (project,), arguments=arguments)
    return await prepare(settings, open_workspace(caller, settings, find_folders()), tool, arguments)


async def test_a_task_is_parsed_and_its_files_are_counted(project: Path) -> None:
    call = await prepared(project, "offload_work", task="Write notes.", files=["*.py"], output="notes.md")
    assert call.require_task() == Task("Write notes.", ("*.py",), "notes.md")
    assert (call.call.files, call.call.paths) == (1, ("notes.md", "a.py", "b.py"))
    assert call.caller.client == "claude-code"


async def test_the_tasks_of_a_batch_are_counted_together(project: Path) -> None:
    tasks = [{"task": "Write notes.", "files": [f"{name}.py"], "output": f"{name}.md"} for name in ("a", "b")]
    call = await prepared(project, "batch_offload", tasks=tasks)
    assert call.call.files == 2
    assert len(call.call.items) == 2


async def test_a_glob_names_the_same_files_for_the_policy_and_for_the_tool(project: Path) -> None:
    call = await prepared(project, "offload_work", task="Write notes.", files=["*.py"])
    (project / "c.py").write_text("VALUE_OF_C = 1\n")
    again = await prepared(project, "offload_work", task="Write notes.", files=["*.py"])
    assert call.workspace.expanded == {"*.py": ("a.py", "b.py")}
    assert again.workspace.expanded == {"*.py": ("a.py", "b.py", "c.py")}


async def test_a_batch_is_planned_and_each_item_is_judged(project: Path) -> None:
    call = await prepared(project, "batch_offload", task="Write notes.", each=["*.py"], output="{stem}.md")
    assert call.require_plan().outputs == ("a.md", "b.md")
    assert [item.read_as["files"] for item in call.call.items] == [["a.py"], ["b.py"]]


@pytest.mark.parametrize(
    ("tool", "arguments", "cause"),
    [
        pytest.param("offload_work", {"task": " "}, "`task` is empty", id="no-task"),
        pytest.param("offload_work", {"task": "x", "files": 7}, "offload_work", id="files-is-a-number"),
        pytest.param("batch_offload", {}, "either `tasks` or `each`", id="neither-tasks-nor-each"),
        pytest.param(
            "batch_offload",
            {"tasks": [{"task": "x"}], "each": ["*.py"]},
            "either `tasks` or `each`",
            id="tasks-and-each",
        ),
        pytest.param(
            "batch_offload",
            {"tasks": [{"task": "x", "output": "n.md"}, {"task": "y", "output": "n.md"}]},
            "2 items would write n.md",
            id="one-output-for-two",
        ),
    ],
)
async def test_wrong_arguments_are_refused_by_the_tool_not_while_preparing(
    project: Path, tool: str, arguments: dict[str, Any], cause: str
) -> None:
    call = await prepared(project, tool, **arguments)
    with pytest.raises(BadArguments, match=cause):
        _ = call.require_task() if tool == "offload_work" else call.require_plan()
    assert call.call.tool == tool


async def test_tasks_that_may_not_run_in_parallel_still_tell_what_they_touch(project: Path) -> None:
    tasks = [{"task": "x", "output": "n.md"}, {"task": "y", "output": "n.md"}]
    call = await prepared(project, "batch_offload", tasks=tasks)
    assert isinstance(call.refusal, BadArguments)
    assert call.call.paths == ("n.md",)
    sequential = await prepared(project, "batch_offload", tasks=tasks, sequential=True)
    assert sequential.require_plan().sequential


async def test_an_output_outside_the_project_is_a_refusal_of_the_tool(project: Path, tmp_path: Path) -> None:
    outside = str(tmp_path / "elsewhere.md")
    batch = await prepared(project, "batch_offload", tasks=[{"task": "x", "output": outside}])
    assert isinstance(batch.refusal, PathOutsideRoots)
    single = await prepared(project, "offload_work", task="x", output=outside)
    assert isinstance(await refused_path(single), PathOutsideRoots)


async def test_a_file_that_appears_while_the_user_is_asked_is_not_read(
    project: Path, ollama_standin: OllamaStandIn
) -> None:
    """The user approves the files that the question named."""
    folders = find_folders()
    folders.create()
    folders.policy_file.write_text(POLICY)
    ollama_standin.answers.default = Answer("# Notes\n\nOne constant.\n")
    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    async with (
        running_hub(Settings(backend=backend, roots=(project,))) as hub,
        Client(build_mcp(hub)) as client,
    ):
        arguments = {"task": "Write notes.", "files": ["*.py"], "output": "notes.md"}
        call = asyncio.create_task(client.call_tool("offload_work", arguments))
        while not (waiting := hub.snapshot().approvals):
            await asyncio.sleep(0.01)
        (project / "c.py").write_text("VALUE_OF_C = 1\n")
        hub.answer_approval(waiting[0].id, ApprovalAnswer(approved=True))
        assert text_of(await call).startswith("notes.md: +3")
    asked = "".join(str(each.json) for each in ollama_standin.requests if each.path == "/api/chat")
    assert "VALUE_OF_B" in asked
    assert "VALUE_OF_C" not in asked


async def test_a_rule_on_a_file_holds_for_the_kept_copy_of_it(project: Path) -> None:
    folders = find_folders()
    folders.create()
    (project / "private").mkdir()
    (project / "private" / "app.log").write_text("INFO all is well with the pump\n" * 300)
    async with running_hub(Settings(roots=(project,))) as hub, Client(build_mcp(hub)) as client:
        digest = text_of(await client.call_tool("compress_context", {"files": ["private/app.log"]}))
        handle = digest.rpartition("digest ")[2].partition(",")[0]
        lines = {"files": [f"{handle}:1-2"]}
        assert text_of(await client.call_tool("compress_context", lines)).count("all is well") == 2
    folders.policy_file.write_text(DENIES_LOGS)
    async with running_hub(Settings(roots=(project,))) as hub, Client(build_mcp(hub)) as client:
        for files in (["private/app.log"], [handle], lines["files"]):
            assert text_of(await client.call_tool("compress_context", {"files": files})).startswith(
                "denied: "
            )
