"""The tools that choose models, called by a client of the real hub, with the embedded engine for real."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from server.config.folders import find_folders
from server.config.sections import BackendSettings, EmbeddedSettings
from server.config.settings import Settings
from server.hub import Hub
from server.tools.mcp_server import build_mcp
from tests.standins.ollama import OllamaStandIn, StandInModel

pytestmark = pytest.mark.anyio

Work = Callable[[Client, Hub], Awaitable[None]]


async def with_client(settings: Settings, work: Work) -> None:
    hub = await Hub.start(settings, find_folders())
    try:
        async with Client(build_mcp(hub)) as client:
            await work(client, hub)
    finally:
        await hub.close()


def text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_auto_setup_without_a_server_ends_with_a_warm_embedded_model(smollm2: Path) -> None:
    settings = Settings(
        backend=BackendSettings(kind="embedded", num_ctx=512), embedded=EmbeddedSettings(model=str(smollm2))
    )

    async def work(client: Client, hub: Hub) -> None:
        done = await client.call_tool("auto_setup", {"skip_pull": True})
        assert not done.is_error, text(done)
        assert len(text(done)) < 600
        assert "Embedded" in text(done)
        assert [each.name for each in hub.engine.view().loaded] == ["smollm2-135m"]

    await with_client(settings, work)


async def test_a_blocked_model_is_refused_and_not_recommended(ollama_standin: OllamaStandIn) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))
    ollama_standin.models["qwen2.5-coder:7b"] = StandInModel()

    async def work(client: Client, hub: Hub) -> None:
        before = await client.call_tool("recommend_model", {"category": "coding"})
        assert "qwen2.5-coder:7b" in text(before)
        changed = await client.call_tool(
            "configure_model_selector",
            {"setting": "blocked_models", "action": "add", "values": ["qwen2.5-coder"]},
        )
        assert text(changed) == "blocked_models: qwen2.5-coder"
        assert json.loads(hub.selector.path.read_text())["blocked_models"] == ["qwen2.5-coder"]
        after = await client.call_tool("recommend_model", {"category": "coding"})
        assert "qwen2.5-coder:" not in text(after)
        for tool in ("preload_model", "pull_model"):
            refused = await client.call_tool(tool, {"model": "qwen2.5-coder:0.5b"})
            assert refused.is_error
            assert "model_blocked" in text(refused)

    await with_client(settings, work)


async def test_wrong_settings_change_nothing(ollama_standin: OllamaStandIn) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))

    async def work(client: Client, hub: Hub) -> None:
        for arguments in (
            {"setting": "custom_recommendations", "action": "set", "custom_config": {"poems": "x"}},
            {"setting": "custom_recommendations", "action": "add", "values": ["x"]},
            {"setting": "license_filter", "action": "remove"},
        ):
            wrong = await client.call_tool("configure_model_selector", arguments)
            assert "bad_arguments" in text(wrong), arguments
        assert not hub.selector.path.exists()

    await with_client(settings, work)
