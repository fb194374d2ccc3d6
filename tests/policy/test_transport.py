"""Tests of the gate in a real hub, for every transport and both protocol versions."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp_types import ElicitResult

from tests.forks import program
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import ERAS, bridge_client, http_client, text_of
from tests.standins.serving import wait_until

POLICY = """\
version: "1"
hide: [pull_model]
tools:
  list_loaded_models:
    rules:
      - {name: two, rate_limit: 2/day, on_deny: Two a day}
  preload_model:
    rules:
      - {name: ask, action: require_approval, approval_timeout: 5m}
  offload_work:
    rules:
      - {name: never, action: deny, on_deny: Not on this machine}
"""
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    home = tmp_path_factory.mktemp("policy-hub")
    (home / "policy.yaml").write_text(POLICY)
    with start_hub(home) as running:
        yield running


def command(hub: HubProcess, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return program.run(*arguments, env=hub.environ, cwd=hub.home)


@pytest.mark.parametrize("mode", ERAS)
def test_denied_and_hidden_tools_on_both_transports(hub: HubProcess, tmp_path: Path, mode: str) -> None:
    async def story() -> None:
        async with bridge_client(hub.environ, tmp_path, mode) as bridge, http_client(hub, mode) as http:
            for client in (bridge, http):
                names = {tool.name for tool in (await client.list_tools()).tools}
                assert "pull_model" not in names
                assert "offload_work" in names
                denied = await client.call_tool("offload_work", {"task": "x"})
                assert denied.is_error
                assert text_of(denied).startswith("denied: Not on this machine. ")
                hidden = await client.call_tool("pull_model", {"model": "m"})
                assert hidden.is_error
                assert "hidden" in text_of(hidden)

    asyncio.run(story())


def test_a_limit_counts_over_all_transports(hub: HubProcess, tmp_path: Path) -> None:
    wait_until(lambda: 86_400 - time.time() % 86_400 > 60, 120)  # the window is a UTC day

    async def story() -> list[str]:
        texts = []
        for mode in ERAS:
            async with bridge_client(hub.environ, tmp_path, mode) as client:
                texts += [text_of(await client.call_tool("list_loaded_models", {})) for _ in range(2)]
        return texts

    texts = asyncio.run(story())
    assert [text.startswith("limited: Two a day. Try again after ") for text in texts] == [False] * 2 + [
        True
    ] * 2


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("chosen", "denied"), [({"answer": "once"}, False), ({"answer": "no"}, True), (None, True)]
)
def test_a_capable_client_is_asked(
    hub: HubProcess,
    tmp_path: Path,
    chosen: dict[str, str | int | float | bool | list[str] | None],
    denied: bool,
    mode: str,
) -> None:
    asked: list[str] = []

    async def answer(_context: object, params: object) -> ElicitResult:
        asked.append(str(getattr(params, "message", "")))
        if chosen is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=chosen)

    async def story() -> str:
        async with bridge_client(hub.environ, tmp_path, mode, answer=answer) as client:
            return text_of(await client.call_tool("preload_model", {"model": "m"}))

    text = asyncio.run(story())
    assert len(asked) == 1
    assert "preload_model" in asked[0]
    assert text.startswith("denied: The user did not approve the call") == denied


async def waiting_id(hub: HubProcess) -> str:
    """Return the id of the single waiting call, as the command prints it."""
    while True:
        shown = await asyncio.to_thread(command, hub, "policy", "waiting", "--json")
        if found := json.loads(shown.stdout):
            return str(found[0]["id"])


def test_the_user_answers_by_command(hub: HubProcess, tmp_path: Path) -> None:
    async def story() -> list[str]:
        texts = []
        call = ("preload_model", {"model": "m"})
        async with bridge_client(hub.environ, tmp_path) as client:
            asking = asyncio.create_task(client.call_tool(*call))
            approval = await waiting_id(hub)
            approved = await asyncio.to_thread(
                command, hub, "policy", "approve", approval, "--for", "session"
            )
            texts.append(approved.stdout.strip())
            texts += [text_of(await asking), text_of(await client.call_tool(*call))]
            again = await asyncio.to_thread(command, hub, "policy", "deny", approval)
            texts.append(again.stderr)
        async with bridge_client(hub.environ, tmp_path) as other:
            asking = asyncio.create_task(other.call_tool(*call))
            approval = await waiting_id(hub)
            shown = await asyncio.to_thread(command, hub, "policy", "waiting")
            assert f"\n{approval[:8]}  preload_model  " in shown.stdout
            assert f"token-saver policy approve {approval[:8]}" in shown.stdout
            await asyncio.to_thread(command, hub, "policy", "deny", approval, "--reason", "Not now")
            texts.append(text_of(await asking))
        return texts

    approved, first, second, late, other = asyncio.run(story())
    assert approved == "Approved."
    assert first.startswith("backend_unreachable: ")
    assert second.startswith("backend_unreachable: ")
    assert "is not waiting for approval" in late
    assert other.startswith("denied: The user did not approve the call (Not now). ")
    rows = json.loads(command(hub, "audit", "search", "--kind", "approval", "--json", "-n", "2").stdout)
    assert [(row["verdict"], row["details"]["by"]) for row in rows] == [
        ("deny", "command"),
        ("allow", "command"),
    ]


def test_a_secret_in_an_error_does_not_reach_the_client(hub: HubProcess, tmp_path: Path) -> None:
    async def story() -> str:
        async with bridge_client(hub.environ, tmp_path) as client:
            return text_of(await client.call_tool("check_job", {"job": TOKEN}))

    text = asyncio.run(story())
    assert TOKEN not in text
    assert "[removed: GitHub Token]" in text


def test_everything_is_recorded_on_the_trail(hub: HubProcess, tmp_path: Path) -> None:
    async def story() -> None:
        async with bridge_client(hub.environ, tmp_path) as client:
            await client.call_tool("offload_work", {"task": "x"})

    asyncio.run(story())
    found = json.loads(command(hub, "audit", "search", "--kind", "decision", "--json", "-n", "500").stdout)
    assert {"offload_work"} <= {row["tool"] for row in found if row["verdict"] == "deny"}
    kinds = {row["kind"] for row in json.loads(command(hub, "audit", "search", "--json", "-n", "500").stdout)}
    assert {"decision", "connection", "settings"} <= kinds
    assert command(hub, "audit", "verify").returncode == 0
    export = tmp_path / "trail.jsonl"
    command(hub, "audit", "export", str(export))
    assert command(hub, "audit", "verify", str(export)).stdout.startswith("intact: ")


def test_the_commands_name_the_deciding_rule(hub: HubProcess) -> None:
    assert "valid (intercept, 3 tools, 3 rules)" in command(hub, "policy", "check").stdout
    decided = json.loads(command(hub, "policy", "test", "offload_work", "--json").stdout)
    assert decided["verdict"] == "deny"
    assert decided["rule"] == '"never" of offload_work (line 12)'
    asks = command(hub, "policy", "test", 'preload_model {"model": "m"}').stdout
    assert asks.startswith("approve: ")
    assert "asks for approval" in command(hub, "policy", "explain", "preload_model").stdout
    broken = hub.home / "broken.yaml"
    broken.write_text('version: "1"\ntools:\n  t: 5\n')
    failed = command(hub, "policy", "check", "--file", str(broken))
    assert failed.returncode == 1
    assert "broken.yaml, line 3" in failed.stderr
    assert "Traceback" not in failed.stderr
