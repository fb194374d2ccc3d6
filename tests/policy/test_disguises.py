"""Tests of disguised arguments: the rules see what the tool will run."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from server.common.events import ApprovalRequested, Event
from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from server.policy.approvals import ApprovalAnswer
from server.tools.mcp_server import build_mcp
from tests.mcp_clients import text_of

pytestmark = pytest.mark.anyio

POLICY = """\
version: "1"
tools:
  "*":
    rules:
      - name: one file
        conditions: [{path: call.files, op: lte, value: 1}]
        on_deny: More than one file
"""


def deny_all(hub: Hub) -> None:
    """Answer as a user who denies immediately."""

    def answer(event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            hub.answer_approval(
                event.approval_id, ApprovalAnswer(approved=False, by="tray", reason=event.reason)
            )

    hub.events.subscribe(answer)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    project = tmp_path / "project"
    (project / ".github" / "workflows").mkdir(parents=True)
    (project / "wf").symlink_to(".github/workflows")
    for name in ("a.py", "b.py", "Jenkinsfile"):
        (project / name).write_text("x = 1\n")
    folders = find_folders()
    folders.create()
    folders.policy_file.write_text(POLICY)
    settings = Settings(backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"), roots=(project,))
    hub = await Hub.start(settings, folders)
    deny_all(hub)
    async with Client(build_mcp(hub), mode="2026-07-28") as client:
        yield client
    await hub.close()


MANY = [{"task": "t", "output": "new1.py"}, {"task": "t", "output": "new2.py"}]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("offload_work", {"task": "t", "files": ["a.py", "b.py"]}),
        ("offload_work", {"task": "t", "files": '["a.py", "b.py"]'}),
        ("offload_work", {"task": "t", "files": ["*.py"]}),
        ("offload_work", {"task": "t", "files": ["a.py::x", "b.py:1-1"]}),
        ("batch_offload", {"tasks": MANY}),
        ("batch_offload", {"tasks": json.dumps(MANY)}),
        ("batch_offload", {"task": "t", "each": '["*.py"]', "output": "{path}"}),
    ],
)
async def test_files_count_in_any_notation(client: Client, tool: str, arguments: dict[str, Any]) -> None:
    result = await client.call_tool(tool, arguments)
    assert text_of(result).startswith("denied: More than one file.")


async def test_two_parts_of_one_file_count_once(client: Client) -> None:
    result = await client.call_tool("offload_work", {"task": "t", "files": ["a.py:1-1", "a.py::x"]})
    assert not text_of(result).startswith("denied: ")


@pytest.mark.parametrize(
    "output",
    [
        "Jenkinsfile", "jenkinsfile", "./Jenkinsfile", "Jenkinsfile:1-1", "Jenkinsfile::x", "wf/ci.yml",
        "a/../Jenkinsfile", "wf/../workflows/ci.yml", "Jenkins\u200dfile",
    ],
)  # fmt: skip
async def test_a_protected_file_always_asks(client: Client, output: str) -> None:
    result = await client.call_tool("offload_work", {"task": "t", "files": ["a.py"], "output": output})
    assert text_of(result).startswith("denied: The user did not approve the call (It would write "), text_of(
        result
    )


async def test_wrong_arguments_are_reported(client: Client) -> None:
    for tasks in ('["x"]', [5], "5", {"a": 1}, [None]):
        result = await client.call_tool("batch_offload", {"tasks": tasks})
        assert text_of(result).startswith("bad_arguments: "), text_of(result)
