"""Tests that the rules apply to batch items, on submission and when each item starts."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp.client.client import Client

from server.common.events import ApprovalRequested, Event
from server.config.folders import Folders
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
default: deny
tools:
  batch_offload: {rules: []}
  check_job: {rules: []}
  offload_work:
    rules:
      - name: documents only
        conditions: [{path: args.output, op: regex, value: "^docs/"}]
        on_deny: Only documents
"""
ASKS = """\
version: "1"
tools:
  offload_work:
    rules:
      - {name: ask, action: require_approval, on_deny: Work asks}
"""
EACH = {"task": "Write", "each": ["*.py"]}


@pytest.fixture
async def hub(tmp_path: Path, ollama_standin: OllamaStandIn) -> AsyncIterator[Hub]:
    project = tmp_path / "project"
    project.mkdir()
    for name in "abcdef":
        (project / f"{name}.py").write_text("x = 1\n")
    ollama_standin.answers.default = Answer("# Notes\n")
    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    async with running_hub(Settings(backend=backend, roots=(project,))) as hub:
        yield hub


def rules(folders: Folders, text: str) -> None:
    folders.policy_file.write_text(text)


async def batch(hub: Hub, **arguments: object) -> str:
    async with Client(build_mcp(hub), mode="2026-07-28") as client:
        return text_of(await client.call_tool("batch_offload", {**EACH, **arguments}))


def answer_one(ollama: OllamaStandIn) -> None:
    """Answer the first question immediately, and later ones by default."""
    answers = iter([Answer("# Notes\n")])
    ollama.answers.choose(lambda _prompt, _body: next(answers, None))


async def test_a_batch_does_not_bypass_the_rules_of_its_items(hub: Hub) -> None:
    rules(hub.folders, ONLY_DOCS)
    assert (await batch(hub, output="{path}")).startswith("denied: Only documents. ")
    listed = [{"task": "t", "output": "docs/x.md"}, {"task": "t", "output": "src/x.py"}]
    refused = await batch(hub, tasks=listed, task="", each=[])
    assert refused.startswith("denied: Only documents. ")
    assert "6 of 6 done" in await batch(hub, output="docs/{stem}.md")


async def test_a_batch_asks_once_for_all_items(hub: Hub) -> None:
    asked: list[ApprovalRequested] = []

    def approve(event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            asked.append(event)
            hub.answer_approval(event.approval_id, ApprovalAnswer(approved=True, by="tray"))

    hub.events.subscribe(approve)
    rules(hub.folders, ASKS)
    assert "6 of 6 done" in await batch(hub, output="{stem}.md")
    assert [(each.reason, each.files) for each in asked] == [("Work asks.", 6)]


async def test_changed_rules_apply_to_waiting_items(hub: Hub, ollama_standin: OllamaStandIn) -> None:
    """The batch is submitted under one policy and continued after a restart under another."""
    ollama_standin.answers.default = Answer("# Notes\n", first_delay=600)
    answer_one(ollama_standin)
    submitted = await batch(hub, output="{stem}.md", wait=False)
    job = submitted.split()[1]
    while not (await hub.batches.counts(job)).ended:
        await asyncio.sleep(0.02)
    await hub.close()
    ollama_standin.answers.default = Answer("# Notes\n")
    rules(hub.folders, ONLY_DOCS)
    again = await Hub.start(hub.settings, hub.folders)
    assert await again.batches.wait(job, 60)
    counts = (await again.batches.counts(job)).by_state
    assert counts["denied"] >= 1
    assert counts["denied"] + counts["delivered"] == 6
    wrong = await again.batches.unsuccessful_items(job)
    assert {(each.code, each.summary) for each in wrong} == {("denied", "Only documents.")}
    rows = [row for row in await again.gate.trail.search(kind="decision") if row.verdict == "deny"]
    assert len(rows) == counts["denied"]
    written = list((again.settings.roots[0]).glob("*.md"))
    assert len(written) == counts["delivered"]
    await again.close()


async def test_a_tool_denied_meanwhile_starts_no_item(hub: Hub, ollama_standin: OllamaStandIn) -> None:
    decided = threading.Event()
    ollama_standin.answers.default = Answer("# Notes\n", held=decided)
    answer_one(ollama_standin)
    job = (await batch(hub, output="{stem}.md", wait=False)).split()[1]
    while not (await hub.batches.counts(job)).ended:
        await asyncio.sleep(0.02)
    rules(hub.folders, 'version: "1"\nhide: [batch_offload]\ntools: {}\n')
    decided.set()
    assert await hub.batches.wait(job, 60)
    assert (await hub.batches.counts(job)).by_state["denied"] >= 1


async def test_sequential_tasks_do_not_bypass_approval(hub: Hub) -> None:
    """The rules also see tasks that run one after another."""
    asked: list[ApprovalRequested] = []

    def deny(event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            asked.append(event)
            hub.answer_approval(event.approval_id, ApprovalAnswer(approved=False, by="tray"))

    hub.events.subscribe(deny)
    twice = [
        {"task": "t", "output": "Jenkinsfile"},
        {"task": "u", "files": ["Jenkinsfile"], "output": "Jenkinsfile"},
    ]
    refused = await batch(hub, tasks=twice, sequential=True, task="", each=[])
    assert refused.startswith("denied: ")
    assert [each.paths for each in asked] == [("Jenkinsfile",)]


async def test_a_dry_run_asks_for_no_approval(hub: Hub) -> None:
    rules(hub.folders, ASKS)
    asked: list[Event] = []
    hub.events.subscribe(lambda event: asked.append(event) if isinstance(event, ApprovalRequested) else None)
    assert "6 tasks, 6 files would be written" in await batch(hub, output="{stem}.md", dry_run=True)
    assert asked == []
