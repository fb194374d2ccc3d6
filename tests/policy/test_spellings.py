"""Tests that path rules apply to resolved paths and counts, in any spelling."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from server.common.events import ApprovalRequested, Event
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from server.policy.approvals import ApprovalAnswer
from server.tools.mcp_server import build_mcp
from tests.hub_in_process import running_hub
from tests.mcp_clients import text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

ONLY_DOCS = """\
version: "1"
tools:
  {tool}:
    rules:
      - name: documents only
        conditions: [{{path: args.output, op: regex, value: "^docs/"}}]
        on_deny: Only documents
"""
ASKS_FOR_SOURCES = """\
version: "1"
tools:
  batch_offload:
    rules:
      - name: sources
        action: require_approval
        conditions: [{path: args.output, op: regex, value: "^src/"}]
        on_deny: Sources
"""
ASKS_FOR_B = """\
version: "1"
tools:
  offload_work:
    rules:
      - name: this one
        action: require_approval
        conditions: [{path: args.files, op: contains, value: b.py}]
        on_deny: It is b
      - name: stars
        action: require_approval
        conditions: [{path: args.files, op: contains, value: "*"}]
        on_deny: It has a star
"""
THREE = """\
version: "1"
tools:
  offload_work:
    rules:
      - name: few files
        conditions: [{path: call.files, op: lte, value: 3}]
        on_deny: Too many
"""


@pytest.fixture
async def hub(tmp_path: Path, ollama_standin: OllamaStandIn) -> AsyncIterator[Hub]:
    project = tmp_path / "project"
    for folder in ("docs", "src"):
        (project / folder).mkdir(parents=True)
    (project / "docs" / "link").symlink_to("../src")
    for name in ("a.py", "b.py", "c.py", "d.py", "src/e.py"):
        (project / name).write_text("def f():\n    return 1\n")
    ollama_standin.answers.default = Answer("# Notes\n")
    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    async with running_hub(Settings(backend=backend, roots=(project,))) as hub:
        yield hub


async def call(hub: Hub, tool: str, **arguments: Any) -> str:
    async with Client(build_mcp(hub), mode="2026-07-28") as client:
        return text_of(await client.call_tool(tool, arguments))


def spelled(hub: Hub, given: str) -> str:
    return given.replace("ROOT", str(hub.settings.roots[0]))


@pytest.mark.parametrize(
    "output",
    ["docs/../src/x.md", "docs/link/x.md", "docs/./link/../x.md", "ROOT/docs/../src/x.md", "src/x.md"],
)
async def test_an_output_is_judged_by_its_resolved_path(hub: Hub, output: str) -> None:
    hub.folders.policy_file.write_text(ONLY_DOCS.format(tool="offload_work"))
    task = {"task": "Write", "output": spelled(hub, output)}
    for tool, arguments in (("offload_work", task), ("batch_offload", {"tasks": [task]})):
        assert (await call(hub, tool, **arguments)).startswith("denied: Only documents. "), tool
    assert list((hub.settings.roots[0]).rglob("x.md")) == []


@pytest.mark.parametrize("output", ["docs/x.md", "./docs/x.md", "src/../docs/x.md", "ROOT/docs/x.md"])
async def test_another_spelling_of_an_allowed_path_passes(hub: Hub, output: str) -> None:
    hub.folders.policy_file.write_text(ONLY_DOCS.format(tool="offload_work"))
    task = {"task": "Write", "output": spelled(hub, output)}
    assert "1 of 1 done" in await call(hub, "batch_offload", tasks=[task])


@pytest.mark.parametrize(
    ("each", "output", "passes"),
    [
        ("a.py", "docs/{stem}.md", True),
        ("src/e.py", "docs/{dir}/{stem}.md", True),
        ("a.py", "docs/../{stem}.md", False),
        ("src/e.py", "docs/{dir}/../../{stem}.md", False),
        ("a.py", "docs/link/{stem}.md", False),
        ("../project/src/e.py", "docs/{dir}/{stem}.md", False),
    ],
)
async def test_an_output_pattern_is_judged_by_its_resolved_paths(
    hub: Hub, each: str, output: str, *, passes: bool
) -> None:
    hub.folders.policy_file.write_text(ONLY_DOCS.format(tool="batch_offload"))
    said = await call(hub, "batch_offload", task="Write", each=[each], output=output)
    assert ("1 of 1 done" in said) if passes else said.startswith("denied: Only documents. ")


async def test_a_rule_on_a_path_asks_for_any_pattern_that_leads_there(hub: Hub) -> None:
    asked: list[str] = []

    def refuse(event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            asked.append(event.reason)
            hub.answer_approval(event.approval_id, ApprovalAnswer(approved=False, by="tray"))

    hub.events.subscribe(refuse)
    hub.folders.policy_file.write_text(ASKS_FOR_SOURCES)
    for each, output in (("src/*", "{path}"), ("src/*", "src/{stem}.md"), ("a.py", "docs/link/{name}")):
        said = await call(hub, "batch_offload", task="Write", each=[each], output=output)
        assert said.startswith("denied: "), output
    assert asked == ["Sources."] * 3
    assert "1 of 1 done" in await call(
        hub, "batch_offload", task="Write", each=["src/*"], output="docs/{stem}.md"
    )


@pytest.mark.parametrize(
    ("files", "asks"),
    [
        ("b.py", "It is b."),
        ("./b.py", "It is b."),
        ("src/../b.py", "It is b."),
        ("ROOT/b.py", "It is b."),
        ("b.py::f", "It is b."),
        ("b.py:1-2", "It is b."),
        ("[bc].py", "It is b."),
        ("*", "It is b. It has a star."),
        ("src/*", ""),
        ("a.py", ""),
    ],
)
async def test_files_are_judged_by_resolved_path_and_by_name(hub: Hub, files: str, asks: str) -> None:
    asked: list[str] = []

    def approve(event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            asked.append(event.reason)
            hub.answer_approval(event.approval_id, ApprovalAnswer(approved=True, by="tray"))

    hub.events.subscribe(approve)
    hub.folders.policy_file.write_text(ASKS_FOR_B)
    task = {"task": "Explain", "files": [spelled(hub, files)], "output": "docs/x.md"}
    assert "1 of 1 done" in await call(hub, "batch_offload", tasks=[task])
    await call(hub, "offload_work", **task)
    assert asked == ([asks, asks] if asks else [])


async def test_a_batch_task_counts_the_same_files_as_a_single_call(hub: Hub) -> None:
    hub.folders.policy_file.write_text(THREE)
    task = {"task": "Explain", "files": ["*.py"], "output_format": "explanation"}
    assert (await call(hub, "offload_work", **task)).startswith("denied: Too many. ")
    assert (await call(hub, "batch_offload", tasks=[task])).startswith("denied: Too many. ")
    few = {**task, "files": ["[abc].py"]}
    assert "1 of 1 done" in await call(hub, "batch_offload", tasks=[few])


async def test_an_item_is_judged_by_its_paths_when_it_starts(hub: Hub, ollama_standin: OllamaStandIn) -> None:
    hub.folders.policy_file.write_text(ONLY_DOCS.format(tool="offload_work"))
    ollama_standin.answers.default = Answer("# Notes\n", first_delay=600)
    tasks = [{"task": "Write", "output": "docs/one.md"}, {"task": "Write", "output": "docs/two.md"}]
    job = (await call(hub, "batch_offload", tasks=tasks, wait=False)).split()[1]
    await hub.batches.pause(job)
    ollama_standin.answers.default = Answer("# Notes\n")
    project = hub.settings.roots[0]
    (project / "docs" / "two.md").symlink_to("../src/two.md")
    await hub.batches.resume(job)
    assert await hub.batches.wait(job, 60)
    assert (await hub.batches.counts(job)).by_state == {"delivered": 1, "denied": 1}
    assert not (project / "src" / "two.md").exists()
