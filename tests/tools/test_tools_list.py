"""What each of Claude's sessions pays for: the tools' definitions and the instructions."""

import asyncio
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from mcp.server.mcpserver.tools import Tool

from server.commands.policy.rules import TOOLS
from server.config.folders import Folders
from server.config.settings import Settings
from server.hub import open_hub
from server.tools.mcp_server import INSTRUCTIONS, all_tools
from server.tools.schema import compact, with_checks

pytestmark = pytest.mark.fast

CORE = {"offload_work", "compress_context", "batch_offload"}
CORE_BUDGET = 2500
BUDGET = 5200
INSTRUCTIONS_BUDGET = 700
READ_ONLY = {
    "compress_context",
    "recommend_model",
    "list_loaded_models",
    "cost_dashboard",
    "get_metrics",
}


@pytest.fixture
def tools() -> list[Tool]:
    return list(listed())


@functools.cache
def listed() -> tuple[Tool, ...]:
    """Return the tools of a new hub."""

    async def ask(place: Path) -> tuple[Tool, ...]:
        folders = Folders(config=place, data=place, state=place, cache=place / "cache")
        async with open_hub(Settings(), folders) as hub:
            return tuple(all_tools(hub))

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(ask(Path(folder)))


def definition(tool: Tool) -> str:
    value = {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_the_core_definitions_are_within_budget(tools: list[Tool]) -> None:
    sizes = {tool.name: len(definition(tool)) for tool in tools if tool.name in CORE}
    assert sum(sizes.values()) <= CORE_BUDGET, sizes


def test_the_commands_of_the_policy_know_every_tool(tools: list[Tool]) -> None:
    assert sorted(TOOLS) == sorted(tool.name for tool in tools)


def test_all_definitions_are_within_budget(tools: list[Tool]) -> None:
    sizes = {tool.name: len(definition(tool)) for tool in tools}
    assert sum(sizes.values()) <= BUDGET, sizes


def test_the_instructions_are_within_budget() -> None:
    assert len(INSTRUCTIONS) <= INSTRUCTIONS_BUDGET


def test_no_schema_carries_ballast(tools: list[Tool]) -> None:
    for tool in tools:
        assert "$defs" not in tool.parameters, tool.name
        for schema in every_schema(tool.parameters):
            assert "title" not in schema, tool.name
            assert "$ref" not in schema, tool.name


def test_core_tools_are_always_loaded_and_no_others(tools: list[Tool]) -> None:
    eager = {tool.name for tool in tools if (tool.meta or {}).get("anthropic/alwaysLoad")}
    assert eager == CORE & {tool.name for tool in tools}


def test_annotations_say_what_only_reads(tools: list[Tool]) -> None:
    for tool in tools:
        assert tool.annotations is not None, tool.name
        assert tool.annotations.read_only_hint is (tool.name in READ_ONLY), tool.name


def test_results_are_text(tools: list[Tool]) -> None:
    assert [tool.name for tool in tools if tool.output_schema is not None] == []


def test_the_check_argument_names_the_users_checks_and_is_left_out_without_any(tools: list[Tool]) -> None:
    schema = next(tool.parameters for tool in tools if tool.name == "offload_work")
    assert "check" not in with_checks(schema, ())["properties"]
    listed = with_checks(schema, ("lint", "types"))["properties"]["check"]
    assert listed["description"] == "One of the user's checks: lint, types"
    many = with_checks(schema, [f"check{number}" for number in range(99)])
    assert len(json.dumps(many)) - len(json.dumps(with_checks(schema, ()))) <= 150 + len(', "check": ')


def test_compacting_keeps_an_argument_named_title() -> None:
    schema = {
        "title": "arguments",
        "properties": {"title": {"title": "Title", "type": "string", "default": ""}},
        "$defs": {"Kind": {"title": "Kind", "enum": ["a", "b"]}},
        "anyOf": [{"$ref": "#/$defs/Kind"}],
    }
    assert compact(schema) == {"properties": {"title": {"type": "string"}}, "anyOf": [{"enum": ["a", "b"]}]}


def every_schema(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = [schema]
    for key, value in schema.items():
        if key == "properties":
            found += [each for sub in value.values() for each in every_schema(sub)]
        elif isinstance(value, dict):
            found += every_schema(value)
        elif isinstance(value, list):
            found += [each for sub in value if isinstance(sub, dict) for each in every_schema(sub)]
    return found
