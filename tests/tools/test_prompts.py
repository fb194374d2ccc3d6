"""Tests of the prompts of the MCP server."""

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from server.config.settings import BackendSettings, Settings
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
