"""Tests of ``token-saver connect`` and ``disconnect``."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.bridge.discovery import find_running
from server.clients import config_change
from server.clients.config_files import ClientName, find_place
from server.commands.clients.connect import Wish, connect_client, disconnect_client
from server.config.folders import Folders, find_folders
from tests.clients.configurations import CASES, broken, configuration
from tests.forks import program
from tests.hub_process import start_hub
from tests.standins.claude_code import claude_binary, shut_off


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's home whose path has a blank and a non-ASCII letter, in which Cursor was started once."""
    home = tmp_path / "größer home"
    (home / ".cursor").mkdir(parents=True)
    return home


def run(home: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environ = {
        "PATH": os.defpath,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "TOKEN_SAVER_HOME": str(home / "token-saver"),
        "TOKEN_SAVER_PORT": "0",
        "TOKEN_SAVER_BACKEND__KIND": "ollama",
        "TOKEN_SAVER_BACKEND__URL": "http://127.0.0.1:9",
        # A copy of the project is tested with this variable.
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        **more,
    }
    return program.run(*arguments, env=environ, cwd=home)


def test_dry_run_connect_twice_and_disconnect(home: Path) -> None:
    file = home / ".cursor" / "mcp.json"
    data = configuration("cursor", "2025.json")
    file.write_bytes(data)

    shown = run(home, "connect", "cursor", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert '+    "token-saver": {' in shown.stdout
    assert file.read_bytes() == data

    done = run(home, "connect", "cursor")
    assert done.returncode == 0, done.stderr
    assert "It works: token-saver" in done.stdout
    entry = json.loads(file.read_bytes())["mcpServers"]["token-saver"]
    assert Path(entry["command"]).is_absolute()
    assert find_running(str(home / "token-saver")) is None, "the proof left a hub behind"

    written = file.read_bytes()
    again = run(home, "connect", "cursor", "--json")
    facts: dict[str, Any] = json.loads(again.stdout)
    assert (facts["changed"], facts["diff"], facts["proof"]["works"]) == (False, "", True)
    assert file.read_bytes() == written

    gone = run(home, "disconnect", "cursor")
    assert gone.returncode == 0, gone.stderr
    assert file.read_bytes() == data
    assert "nothing to change" in run(home, "disconnect", "cursor").stdout


FOLDERS = (
    ".claude",
    ".config/Claude",
    ".cursor",
    ".config/Code/User",
    ".codex",
    ".gemini",
    ".codeium/windsurf",
    ".config/zed",
    ".config/opencode",
    ".qwen",
)


@pytest.mark.fast
@pytest.mark.parametrize(("client", "name"), CASES)
def test_every_clients_file_is_shown_changed_and_restored(
    client: ClientName,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    for variable in ("XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "APPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # Without `claude`: its own command is tested elsewhere with the real one.
    monkeypatch.setenv("PATH", "")
    folders, command = find_folders(), ["/opt/token saver/token-saver-mcp"]
    folders.create()
    place = find_place(client, "user", command)
    data = configuration(client, name)
    place.path.write_bytes(data)

    def said(wish: Wish, does: Callable[[Wish, Folders, list[str]], None]) -> dict[str, Any]:
        does(replace(wish, as_json=True), folders, command)
        facts: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert facts["path"] == str(place.path)
        return facts

    wish, dry = Wish(client, "user"), Wish(client, "user", dry_run=True)
    shown = said(dry, connect_client)
    assert (shown["changed"], "token-saver-mcp" in shown["diff"]) == (False, True)
    connect_client(dry, folders, command)
    assert capsys.readouterr().out == f"{shown['diff']}Nothing was changed (--dry-run).\n"
    assert place.path.read_bytes() == data
    config_change.connect(config_change.plan_connect(place), folders)
    written = place.path.read_bytes()
    assert said(dry, connect_client)["diff"] == ""
    connect_client(dry, folders, command)
    assert capsys.readouterr().out.startswith(f"{client} is already connected: nothing to change in ")
    assert said(dry, disconnect_client)["diff"]
    assert place.path.read_bytes() == written
    assert said(wish, disconnect_client)["changed"]
    assert place.path.read_bytes() == data
    assert not said(wish, disconnect_client)["changed"]


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (("connect", "vim"), "bad_arguments", "claude-code"),
        (("connect", "cursor", "--scope", "team"), "bad_arguments", "user or project"),
        (("connect", "windsurf"), "not_found", "Install windsurf"),
        (("connect", "windsurf", "--scope", "project"), "bad_arguments", "--scope"),
        (("disconnect", "vim"), "bad_arguments", "claude-code"),
    ],
)
def test_mistakes_are_explained(home: Path, arguments: tuple[str, ...], code: str, hint: str) -> None:
    done = run(home, *arguments)
    assert done.returncode == 1
    assert done.stderr.endswith(f"({code})\n")
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_file_is_named_and_unchanged(home: Path) -> None:
    file = home / ".cursor" / "mcp.json"
    file.write_bytes(broken("json"))
    done = run(home, "connect", "cursor")
    assert done.returncode == 1
    assert str(file) in done.stderr
    assert "line" in done.stderr
    assert file.read_bytes() == broken("json")


def test_claude_code_sees_a_working_server(home: Path) -> None:
    claude = claude_binary()
    (home / "config").mkdir()
    environ = {**shut_off(home), "PATH": f"{claude.parent}{os.pathsep}{os.defpath}"}
    with start_hub(home / "token-saver"):
        done = run(home, "connect", "claude-code", **environ)
        assert done.returncode == 0, done.stderr
        assert "claude-code is connected" in done.stdout
        seen = subprocess.run(
            [claude, "mcp", "list"],
            env={**environ, "TOKEN_SAVER_HOME": str(home / "token-saver")},
            cwd=home,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=180,
        )
        [ours] = [line for line in seen.stdout.splitlines() if line.startswith("token-saver: ")]
        assert "Connected" in ours
        assert "nothing to change" in run(home, "connect", "claude-code", **environ).stdout
        gone = run(home, "disconnect", "claude-code", **environ)
        assert gone.returncode == 0, gone.stderr
        assert "token-saver" not in json.loads((home / "config" / ".claude.json").read_bytes())["mcpServers"]
