"""Tests of Claude Code's status line: its program, and its entry in the settings."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.clients.statusline import add_statusline, remove_statusline
from server.statusline.main import status_line
from tests.hub_process import HubProcess

SESSION = {"session_id": "s", "rate_limits": {"seven_day": {"used_percentage": 41.3}}}


def run(command: str, session: Any, environ: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        shell=True,
        input=json.dumps(session).encode(),
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def command(text: str = "{}") -> str:
    return str(json.loads(add_statusline(text))["statusLine"]["command"])


@pytest.mark.parametrize(
    ("session", "hub", "line"),
    [
        pytest.param({}, None, "token-saver: not running", id="no-hub"),
        pytest.param({}, {}, "token-saver: no model · saved 0 today, 0 here", id="nothing-known"),
        pytest.param(
            SESSION,
            {"model": "qwen", "today": 12_345, "session": -400},
            "token-saver: qwen · saved 12.3k today, -400 here · week 41 %",
            id="everything",
        ),
        pytest.param(
            {"rate_limits": {"seven_day": None}},
            {"model": "qwen", "paused": True, "today": 2_000_000, "session": 1},
            "token-saver: paused · saved 2.0M today, 1 here",
            id="paused",
        ),
    ],
)
def test_the_line(session: dict[str, Any], hub: dict[str, Any] | None, line: str) -> None:
    assert status_line(session, hub) == line


def test_the_hub_is_asked_for_this_session(hub: HubProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(hub.home))
    said = run(command(), SESSION, {})
    assert said.startswith("token-saver: ")
    assert "saved 0 today, 0 here · week 41 %" in said


@pytest.mark.parametrize("session", [5, [], {"session_id": 7}], ids=["number", "list", "number-id"])
def test_an_odd_session_is_no_error(session: Any, token_saver_home: Path) -> None:
    assert run(command(), session, {}) == "token-saver: not running\n"


def test_the_users_own_line_comes_first(token_saver_home: Path) -> None:
    own = 'read line; echo "mine: ${#line}"'
    text = json.dumps({"statusLine": {"type": "command", "command": own, "padding": 2}})
    ours = add_statusline(text)
    assert json.loads(ours)["statusLine"]["padding"] == 2
    said = run(command(text), SESSION, {})
    assert said.splitlines() == [f"mine: {len(json.dumps(SESSION))}", "token-saver: not running"]
    assert add_statusline(ours) == ours, "it is not wrapped twice"
    assert json.loads(remove_statusline(ours)) == json.loads(text)


def test_a_failing_line_of_the_user_leaves_ours(token_saver_home: Path) -> None:
    text = json.dumps({"statusLine": {"type": "command", "command": "exit 3"}})
    assert run(command(text), SESSION, {}) == "token-saver: not running\n"


def test_without_ours_the_settings_stay() -> None:
    text = '{"statusLine": {"type": "command", "command": "mine.sh"}}'
    assert remove_statusline(text) == text
    assert json.loads(remove_statusline(add_statusline("{}"))) == {}


def test_it_loads_no_heavy_module() -> None:
    program = "import sys; import server.statusline.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"pydantic", "httpx", "mcp", "typer", "ssl"}.isdisjoint(done.stdout.split())
