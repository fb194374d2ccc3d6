"""Tests of the connection by the real ``claude`` command, in a separate home."""

import json
import os
import sys
from pathlib import Path

import pytest

from server.clients import claude_code, config_change, connect
from server.clients.config_files import Place, Surroundings, find_place
from server.clients.smoke_test import prove
from server.common.errors import ClientFailed
from server.config.folders import Folders, find_folders
from tests.standins.claude_code import claude_binary, shut_off

BRIDGE = [sys.executable, "-P", "-c", "import sys; sys.exit(0)"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home; the CLI gets only PATH from this process's environment."""
    home = tmp_path / "größer home"
    (home / "config").mkdir(parents=True)
    (home / "project").mkdir()
    environ = shut_off(home)
    for name in set(os.environ) - {"TOKEN_SAVER_HOME"}:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def folders(home: Path) -> Folders:
    found = find_folders()
    found.create()
    return found


def place_of(home: Path, scope: str) -> Place:
    around = Surroundings(home=home, project=home / "project", environ=dict(os.environ))
    return find_place("claude-code", "user" if scope == "user" else "project", BRIDGE, around)


def servers(place: Place) -> dict[str, object]:
    found: dict[str, object] = json.loads(place.path.read_bytes()).get("mcpServers", {})
    return found


def test_a_projects_list_is_restored_byte_for_byte(home: Path, folders: Folders) -> None:
    claude = str(claude_binary())
    place = place_of(home, "project")
    text = '{\n    "mcpServers": {"other": {"command": "x", "args": []}},\n    "unknown": 1\n}\n'
    place.path.write_text(text)
    assert config_change.plan_connect(place).needed

    claude_code.add(claude, place, folders)
    assert servers(place).keys() == {"other", "token-saver"}
    assert config_change.connected(place) is not None
    # The CLI wrote what the app would have written: connecting again changes nothing.
    assert not config_change.plan_connect(place).needed

    config_change.disconnect(config_change.plan_disconnect(place, folders), folders)
    assert place.path.read_text() == text


def test_the_client_reads_the_users_list(home: Path, folders: Folders) -> None:
    claude = str(claude_binary())
    place = place_of(home, "user")
    claude_code.add(claude, place, folders)
    entry = servers(place)["token-saver"]
    assert isinstance(entry, dict)
    assert [entry["command"], *entry["args"]] == BRIDGE
    # Connect again, as after an update that moved the program.
    claude_code.add(claude, place, folders)
    assert servers(place).keys() == {"token-saver"}
    claude_code.remove(claude, place)
    assert "token-saver" not in servers(place)


@pytest.mark.parametrize("text", [None, '{"numStartups": 7,\n   "unknown": {"a": [1]}}'])
def test_an_unchanged_user_file_is_restored_byte_for_byte(
    home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.setenv("PATH", f"{claude_binary().parent}{os.pathsep}{os.environ['PATH']}")
    place = place_of(home, "user")
    if text is not None:
        place.path.write_text(text)
    connect.turn_on(config_change.plan_connect(place), folders)
    assert servers(place).keys() == {"token-saver"}
    assert not config_change.plan_connect(place).needed
    connect.turn_off(config_change.plan_disconnect(place, folders), folders)
    assert (place.path.read_text() if place.path.exists() else None) == text


def test_claude_code_removes_the_entry_from_a_file_that_it_changed(
    home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{claude_binary().parent}{os.pathsep}{os.environ['PATH']}")
    place = place_of(home, "user")
    connect.turn_on(config_change.plan_connect(place), folders)
    data = json.loads(place.path.read_bytes())
    place.path.write_text(json.dumps({**data, "written": "since"}))
    connect.turn_off(config_change.plan_disconnect(place, folders), folders)
    assert "token-saver" not in servers(place)
    assert json.loads(place.path.read_bytes())["written"] == "since"


@pytest.mark.parametrize("scope", ["user", "project"])
def test_the_users_additions_to_the_entry_stay(home: Path, folders: Folders, scope: str) -> None:
    place = place_of(home, scope)
    env = {"EXTRA": "/mine"}
    entry = {"type": "stdio", "command": "/old", "args": [], "env": env, "timeout": 60000, "unknown": [1]}
    place.path.write_text(json.dumps({"mcpServers": {"token-saver": entry}}))
    change = config_change.plan_connect(place)
    claude_code.add(str(claude_binary()), change.place, folders)
    assert servers(place)["token-saver"] == change.place.entry
    assert change.place.entry == {**entry, **place.entry, "env": {**env, **place.entry["env"]}}
    assert not config_change.plan_connect(place).needed


@pytest.mark.skipif(sys.platform == "win32", reason="the program between is a shell script")
@pytest.mark.parametrize("written", [False, True])
def test_a_failed_second_step_leaves_the_entry_unchanged(home: Path, folders: Folders, written: bool) -> None:
    place = place_of(home, "user")
    old = json.dumps({"mcpServers": {"token-saver": {"type": "stdio", "command": "/old", "args": []}}})
    place.path.write_text(old)
    since = home / "since.json"
    since.write_text('{"written": "since"}' if written else "")
    between = home / "claude"
    between.write_text(
        f"""#!/bin/sh
case "$2" in
  add*) [ -s "{since}" ] && cp "{since}" "{place.path}"; echo "no room" >&2; exit 1;;
esac
exec "{claude_binary()}" "$@"
"""
    )
    between.chmod(0o755)
    with pytest.raises(ClientFailed, match="no room"):
        claude_code.add(str(between), config_change.plan_connect(place).place, folders)
    assert servers(place) == json.loads(old)["mcpServers"]
    if written:
        assert json.loads(place.path.read_bytes())["written"] == "since"
    else:
        assert place.path.read_text() == old
    kept = list((folders.state / "clients").iterdir())
    assert len(kept) == 1


def test_a_failed_command_names_the_next_step(home: Path) -> None:
    place = place_of(home, "user")
    with pytest.raises(ClientFailed, match="failed") as caught:
        claude_code.remove(str(claude_binary()), place)
    assert "claude mcp list" in caught.value.next_step
    with pytest.raises(ClientFailed, match="cannot be run"):
        claude_code.remove(str(home / "none"), place)


SERVER = """
import json, sys
request = json.loads(sys.stdin.readline())
assert request["method"] == "initialize"
result = {"protocolVersion": request["params"]["protocolVersion"], "capabilities": {},
          "serverInfo": {"name": "token-saver", "version": "1"}}
print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
sys.stdin.read()
"""


def test_a_working_command_passes_the_smoke_test() -> None:
    proof = prove([sys.executable, "-c", SERVER])
    assert (proof.works, proof.text) == (True, "token-saver 1")


def test_the_smoke_test_uses_the_entrys_variables_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SAVER_PORT", "1")
    alone = "import os; assert [n for n in os.environ if n.startswith('TOKEN_SAVER')] == ['TOKEN_SAVER_HOME']"
    command = [sys.executable, "-c", f"{alone}\n{SERVER}"]
    assert not prove(command).works
    assert prove(command, {"TOKEN_SAVER_HOME": "/mine"}).works


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["/no/such/program"], "cannot be started"),
        ([sys.executable, "-c", "pass"], "does not respond as an MCP server"),
        ([sys.executable, "-c", "print('hello', flush=True); input()"], "does not respond as an MCP server"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "does not respond as an MCP server"),
    ],
)
def test_a_silent_command_fails_the_smoke_test(command: list[str], part: str) -> None:
    proof = prove(command, seconds=1.5)
    assert not proof.works
    assert part in proof.text


@pytest.mark.skipif(sys.platform == "win32", reason="needs a program that ends within a millisecond")
def test_a_command_that_ends_early_fails_the_smoke_test() -> None:
    # The order of the two events is random: of 20 commands, some end first.
    proofs = [prove(["/usr/bin/env", "false"]) for _ in range(20)]
    assert all("does not respond as an MCP server" in proof.text for proof in proofs)
