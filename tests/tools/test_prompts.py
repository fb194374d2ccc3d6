"""Tests of the prompts of the MCP server."""

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.tools.mcp_server import build_mcp
from tests.hub_in_process import running_hub


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_an_unknown_prompt_is_an_invalid_parameter(mode: str) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"))
    async with running_hub(settings) as hub, Client(build_mcp(hub), mode=mode) as client:
        with pytest.raises(MCPError, match="Unknown prompt: nope") as refused:
            await client.get_prompt("nope")
    assert refused.value.error.code == INVALID_PARAMS


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("docstrings", {"files": "src/a.py src/b.py"}, ("src/a.py src/b.py", "batch_offload")),
        ("tests", {"files": "src/a.py"}, ("src/a.py", "offload_work")),
        ("digest", {"files": "build.log", "focus": "linker"}, ("build.log", "linker", "compress_context")),
        ("digest", {"files": "build.log"}, ("build.log", "compress_context")),
        ("commit", {}, ("`token-saver commit`",)),
        ("commit", {"paths": "src"}, ("`token-saver commit src`",)),
    ],
)
async def test_a_prompt_sends_its_arguments_to_the_right_tool(
    name: str, arguments: dict[str, str], words: tuple[str, ...]
) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"))
    async with running_hub(settings) as hub, Client(build_mcp(hub)) as client:
        listed = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        assert listed.keys() == {"docstrings", "tests", "digest", "commit"}
        assert all(prompt.description for prompt in listed.values())
        [message] = (await client.get_prompt(name, arguments)).messages
    assert message.content.type == "text"
    assert [word for word in words if word not in message.content.text] == []
