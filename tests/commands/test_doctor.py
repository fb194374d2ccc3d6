"""Tests of ``token-saver doctor``: findings, fixes, exit status."""

import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from server.commands.doctor.doctor import examine
from server.config.folders import find_folders
from tests.forks import program
from tests.standins.answers import Answer
from tests.standins.llama_server_program import put_program
from tests.standins.ollama import OllamaStandIn

Findings = dict[str, dict[str, Any]]


def doctor(home: Path, engine_url: str, *arguments: str, **more: str) -> tuple[int, Findings]:
    """Run ``doctor`` as a user; return the exit status and the findings by name."""
    home.mkdir(exist_ok=True)
    environ = {
        "PATH": os.defpath,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "TOKEN_SAVER_HOME": str(home / "token-saver"),
        "TOKEN_SAVER_PORT": "0",
        "TOKEN_SAVER_BACKEND__KIND": "ollama",
        "TOKEN_SAVER_BACKEND__URL": engine_url,
        **more,
    }
    if "--no-offload" in arguments:
        # Probing the sandboxes takes seconds; the tests with an offload do it.
        environ["TOKEN_SAVER_OFFLOAD__RUN_CODE"] = "false"
    done = program.run("doctor", "--json", *arguments, env=environ, cwd=home)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)}


def test_a_real_offload_tests_the_whole_installation(tmp_path: Path, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.when("sum", Answer("def add(a, b):\n    return a + b\n"))
    status, findings = doctor(tmp_path / "home", ollama_standin.url)
    assert findings["offload"]["level"] == "ok", findings
    assert findings["engine"]["level"] == "ok"
    assert findings["model"]["level"] == "ok"
    assert status == 4, "no client is connected, and there is no tray: warnings"
    assert findings["clients"]["mend"] == "token-saver connect claude-code"
    assert "session bus" in findings["tray"]["text"]
    assert ollama_standin.requests


def test_the_test_leaves_no_trace_in_history_and_savings(
    tmp_path: Path, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.when("sum", Answer("def add(a, b):\n    return a + b\n"))
    _, findings = doctor(tmp_path / "home", ollama_standin.url)
    assert findings["offload"]["level"] == "ok"
    with contextlib.closing(sqlite3.connect(tmp_path / "home" / "token-saver" / "history.db")) as history:
        for table in ("offload", "offload_text", "attempt", "total", "removed"):
            assert history.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_a_model_that_writes_nonsense_is_a_warning(tmp_path: Path, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.when("sum", Answer("def add(a, b:\n"))
    _, findings = doctor(tmp_path / "home", ollama_standin.url)
    assert findings["offload"]["level"] == "warning"
    assert "larger model" in findings["offload"]["mend"]


def test_a_dead_engine_is_an_error(tmp_path: Path) -> None:
    status, findings = doctor(tmp_path / "home", "http://127.0.0.1:9")
    assert status == 1
    assert findings["engine"]["level"] == "error"
    assert "127.0.0.1:9" in findings["engine"]["text"]
    assert "offload" not in findings


@pytest.mark.fast
def test_the_worst_finding_decides_the_exit_status(
    token_saver_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token_saver_home.mkdir()
    (token_saver_home / "config.toml").write_text("[backend]\nkind = 'nosuch'\n")
    assert examine(find_folders(), lambda: "No tray.", as_json=True, offload=False) == 1
    findings = json.loads(capsys.readouterr().out)
    levels = {finding["name"]: finding["level"] for finding in findings}
    assert levels["tray"] == "warning"
    assert levels["settings"] == "error"
    assert findings[-1]["name"] == "settings", "nothing that needs the settings is examined"


def test_broken_settings_are_an_error_that_names_the_line(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "token-saver"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[backend]\nkind = 'olama'\n")
    status, findings = doctor(tmp_path / "home", "http://127.0.0.1:9", TOKEN_SAVER_BACKEND__KIND="olama")
    assert status == 1
    assert findings["settings"]["text"].startswith("settings_invalid: ")
    assert "hub" not in findings


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_token_that_others_can_read_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "token-saver"
    folder.mkdir(parents=True)
    (folder / "token").write_text("x")
    (folder / "token").chmod(0o644)
    status, findings = doctor(tmp_path / "home", "http://127.0.0.1:9")
    assert status == 1
    assert findings["token"]["mend"] == f"chmod 600 '{folder / 'token'}'"


@pytest.mark.parametrize(
    ("entry", "level", "part"),
    [
        ({"command": "/gone/token-saver-mcp", "args": []}, "error", "its command does not exist"),
        ({"command": sys.executable, "args": ["-V"]}, "warning", "another installation"),
        (
            {"command": sys.executable, "args": ["-P", "-m", "server.bridge"]},
            "warning",
            "this app with an outdated command",
        ),
        ({"url": "http://127.0.0.1:7283/mcp"}, "ok", "connected by http://127.0.0.1:7283/mcp"),
    ],
)
def test_clients_are_checked(tmp_path: Path, entry: dict[str, Any], level: str, part: str) -> None:
    cursor = tmp_path / "home" / ".cursor"
    cursor.mkdir(parents=True)
    (cursor / "mcp.json").write_text(json.dumps({"mcpServers": {"token-saver": entry}}))
    _, findings = doctor(tmp_path / "home", "http://127.0.0.1:9", "--no-offload")
    assert findings["cursor (user)"]["level"] == level
    assert part in findings["cursor (user)"]["text"]


FORMER = {"command": "uvx", "args": ["claude-token-saver"]}


@pytest.mark.parametrize(
    ("servers", "name"),
    [
        ({"token-saver": FORMER}, "cursor (user)"),
        ({"local-model": FORMER}, "cursor (user), local-model"),
    ],
    ids=["own-entry", "entry-of-another-name"],
)
def test_an_entry_under_the_former_name_is_a_warning(
    tmp_path: Path, servers: dict[str, Any], name: str
) -> None:
    cursor = tmp_path / "home" / ".cursor"
    cursor.mkdir(parents=True)
    (cursor / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    _, findings = doctor(tmp_path / "home", "http://127.0.0.1:9", "--no-offload")
    assert findings[name]["level"] == "warning"
    assert "former name, claude-token-saver" in findings[name]["text"]
    assert findings[name]["mend"] == "token-saver connect cursor --scope user"
    assert "clients" not in findings


def test_an_entry_that_runs_the_present_package_is_fine(tmp_path: Path) -> None:
    cursor = tmp_path / "home" / ".cursor"
    cursor.mkdir(parents=True)
    entry = {"command": "uvx", "args": ["claude-token-saver-app"]}
    (cursor / "mcp.json").write_text(json.dumps({"mcpServers": {"token-saver": entry}}))
    _, findings = doctor(tmp_path / "home", "http://127.0.0.1:9", "--no-offload")
    assert findings["cursor (user)"]["level"] == "ok"


def test_a_hook_under_the_former_name_is_a_warning(tmp_path: Path) -> None:
    python = tmp_path / "tools" / "claude-token-saver" / "bin" / "python"
    hook = {"type": "command", "command": str(python), "args": ["-P", "-m", "server.reminder"]}
    settings = tmp_path / "home" / ".claude" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"hooks": {"PreToolUse": [{"matcher": "Read", "hooks": [hook]}]}}))
    _, findings = doctor(tmp_path / "home", "http://127.0.0.1:9", "--no-offload")
    assert findings["claude-code hook (user)"]["level"] == "warning"
    assert "former name" in findings["claude-code hook (user)"]["text"]


@pytest.mark.skipif(sys.platform == "win32", reason="programs without a suffix run on POSIX alone")
def test_another_token_saver_first_on_the_path_is_a_warning(tmp_path: Path) -> None:
    other = tmp_path / "other" / "token-saver"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    ours = Path(sys.executable).with_name("token-saver")
    home, dead = tmp_path / "home", "http://127.0.0.1:9"
    _, findings = doctor(home, dead, "--no-offload", PATH=f"{other.parent}{os.pathsep}{ours.parent}")
    assert findings["path"]["level"] == "warning"
    assert str(other) in findings["path"]["text"]
    assert str(ours.parent) in findings["path"]["mend"]
    _, findings = doctor(home, dead, "--no-offload", PATH=f"{ours.parent}{os.pathsep}{other.parent}")
    assert (findings["path"]["level"], findings["path"]["text"]) == ("ok", str(ours))


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_a_llama_server_for_another_processor_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    program = put_program(home / ".local" / "bin" / "llama-server", dies="asked")
    engine = {"TOKEN_SAVER_BACKEND__KIND": "embedded"}
    status, findings = doctor(home, "", "--no-offload", **engine)
    assert status == 4
    assert findings["engine"]["text"] == "Embedded llama.cpp"
    assert findings["llama-server"]["level"] == "warning"
    assert findings["llama-server"]["text"] == (
        f"{program} is not used: it crashed with SIGILL, so it was built for another processor"
    )
    assert findings["llama-server"]["mend"]
