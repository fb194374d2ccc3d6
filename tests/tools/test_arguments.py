"""Arguments as clients write them, over MCP: lists, patterns, counts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import Client

from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from server.tools.mcp_server import build_mcp
from tests.hub_in_process import running_hub
from tests.mcp_clients import text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(tmp_path: Path, ollama_standin: OllamaStandIn) -> AsyncIterator[Client]:
    """A client of a hub whose project holds ``a.py`` and a folder ``shop``."""
    project = tmp_path / "project"
    (project / "shop").mkdir(parents=True)
    (project / "a.py").write_text("SECRET_OF_A = 1\n")
    (project / "shop" / "b.py").write_text("x = 1\n")
    ollama_standin.answers.default = Answer("# Notes\n\nOne constant.\n")
    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    async with running_hub(Settings(backend=backend, roots=(project,))) as hub, _client(hub) as client:
        yield client


def _client(hub: Hub) -> Client:
    return Client(build_mcp(hub))


async def _said(client: Client, tool: str, **arguments: object) -> str:
    return text_of(await client.call_tool(tool, arguments))


async def test_a_bare_text_is_a_list_of_one(client: Client, ollama_standin: OllamaStandIn) -> None:
    said = await _said(client, "offload_work", task="Write notes.", files="a.py", output="a.md")
    assert said.startswith("a.md: +3 -0 (new) lines")
    asked = [str(each.json) for each in ollama_standin.requests if each.path == "/api/chat"]
    assert "SECRET_OF_A" in asked[-1]
    batch = {"task": "Write notes.", "output": "{stem}.md", "dry_run": True}
    assert "2 tasks" in await _said(client, "batch_offload", each='["a.py", "shop/b.py"]', **batch)
    listed = [{"task": "Write notes.", "files": "a.py", "output": "c.md"}]
    assert "1 task, 1 file would be written" in await _said(
        client, "batch_offload", tasks=listed, dry_run=True
    )
    assert "No file" in await _said(client, "compress_context", files="*.none")


async def test_a_dry_run_of_one_says_one(client: Client) -> None:
    said = await _said(
        client, "batch_offload", task="Write notes.", each="a.py", output="{stem}.md", dry_run=True
    )
    assert said.startswith("Dry run, no file was changed: 1 task, 1 file would be written.")


async def test_a_folder_is_no_input_of_a_batch(client: Client) -> None:
    for each in ("shop", "shop/"):
        said = await _said(
            client, "batch_offload", task="Write notes.", each=each, output="{stem}.md", dry_run=True
        )
        assert said == f'not_a_file: {each} is a folder. Name its files: each=["shop/**"].'


@pytest.mark.parametrize("output", ["{path}", "{dir}/{stem}_x.py", "shop/*.py"])
async def test_a_pattern_as_output_is_refused_by_each_tool_that_writes_one_file(
    client: Client, output: str
) -> None:
    task = {"task": "Write notes.", "files": ["a.py"], "output": output}
    assert (await _said(client, "offload_work", **task)).startswith("bad_arguments: `output` ")
    assert (await _said(client, "batch_offload", tasks=[task], dry_run=True)).startswith(
        "bad_arguments: `output` "
    )


@pytest.mark.parametrize("nothing", [None, "null", ["null"]], ids=["null", "text", "list"])
async def test_null_means_the_default(client: Client, nothing: object) -> None:
    unused = dict.fromkeys(("files", "context", "model", "check", "language", "output_format"), nothing)
    said = await _said(client, "offload_work", task="Write notes.", output="n.md", **unused)
    assert said.startswith("n.md: +3 -0 (new) lines")
    batch = dict.fromkeys(("tasks", "max_hours", "sequential", "model"), nothing)
    said = await _said(
        client, "batch_offload", task="Write notes.", each="a.py", output="{stem}.md", dry_run=True, **batch
    )
    assert "1 task, 1 file" in said
    listed = [{"task": "Write notes.", "files": nothing, "output": "c.md", "context": nothing}]
    assert "1 task" in await _said(client, "batch_offload", tasks=listed, dry_run=True)


async def test_keep_alive_may_be_a_number(client: Client, ollama_standin: OllamaStandIn) -> None:
    model = next(iter(ollama_standin.models))
    assert "is loaded" in await _said(client, "preload_model", model=model, keep_alive=-1)
    assert ollama_standin.bodies("/api/chat")[-1]["keep_alive"] == -1
    assert await _said(client, "preload_model", model=model, keep_alive=0) == f"{model} is unloaded."
    assert "is loaded" in await _said(client, "preload_model", model=model, keep_alive=None)
