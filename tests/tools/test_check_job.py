"""``check_job`` over MCP: what it says of items that went wrong."""

import re
from pathlib import Path

import pytest
from mcp import Client

from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.tools.mcp_server import build_mcp
from tests.hub_in_process import running_hub
from tests.mcp_clients import text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio


async def test_a_line_names_its_code_once_and_the_reason_whole(
    tmp_path: Path, ollama_standin: OllamaStandIn
) -> None:
    (tmp_path / "a.py").write_text("def f(x):\n    return x\n")
    ollama_standin.answers.default = Answer("```python\ndef f(x):\n    return x\n```")
    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    task = {"task": "Let f return 2.", "files": ["a.py"], "output": "a.py"}
    missing = {"task": "Write notes.", "files": ["none.py"], "output": "b.md"}
    async with (
        running_hub(Settings(backend=backend, roots=(tmp_path,))) as hub,
        Client(build_mcp(hub)) as client,
    ):
        ended = text_of(await client.call_tool("batch_offload", {"tasks": [task, missing]}))
        job = re.match(r"Job (\w+) ended", ended)
        assert job is not None, ended
        lines = text_of(await client.call_tool("check_job", {"job": job[1], "action": "items"}))
    assert lines == (
        "0. a.py: nothing_changed: The answer is the same as the file; make the change that the task asks"
        " for.\n1. b.md: path_not_found: none.py does not exist. Check the path and its case."
    )


POLICY = """\
version: "1"
tools:
  offload_work:
    rules:
      - {name: no notes, conditions: [{path: args.output, op: neq, value: notes.md}], on_deny: No notes}
"""


async def test_claude_undoes_a_batch_and_a_single_offload(
    tmp_path: Path, ollama_standin: OllamaStandIn
) -> None:
    (tmp_path / "a.md").write_text("Old.\n")
    ollama_standin.answers.default = Answer("The fox is red.\n")
    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    tasks = [{"task": "Describe a fox.", "output": name} for name in ("b.md", "c.md")]
    async with (
        running_hub(Settings(backend=backend, roots=(tmp_path,))) as hub,
        Client(build_mcp(hub)) as client,
    ):
        ended = text_of(await client.call_tool("batch_offload", {"tasks": tasks}))
        assert 'action="undo"' in ended
        job = re.match(r"Job (\w+) ended", ended)
        assert job is not None, ended
        (tmp_path / "c.md").write_text("Changed since.\n")
        said = text_of(await client.call_tool("check_job", {"job": job[1], "action": "undo"}))
        assert "1 file restored. 1 not restored:" in said
        assert not (tmp_path / "b.md").exists()
        assert (tmp_path / "c.md").read_text() == "Changed since.\n"

        one = text_of(await client.call_tool("offload_work", {"task": "Describe a fox.", "output": "d.md"}))
        undo_id = one.rsplit("id ", 1)[1]
        await client.call_tool("check_job", {"job": undo_id, "action": "undo"})
        assert not (tmp_path / "d.md").exists()


async def test_the_policy_judges_an_undo_as_a_write(tmp_path: Path, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer("The fox is red.\n")
    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    task = {"task": "Describe a fox.", "output": "notes.md"}
    async with (
        running_hub(Settings(backend=backend, roots=(tmp_path,))) as hub,
        Client(build_mcp(hub)) as client,
    ):
        undo_id = text_of(await client.call_tool("offload_work", task)).rsplit("id ", 1)[1]
        find_folders().policy_file.write_text(POLICY)
        refused = await client.call_tool("check_job", {"job": undo_id, "action": "undo"})
        assert refused.is_error
        assert "No notes" in text_of(refused)
        assert (tmp_path / "notes.md").exists()
