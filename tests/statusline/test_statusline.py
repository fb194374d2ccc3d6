"""Tests of Claude Code's status line: its program, and its entry in the settings."""

import gzip
import json
import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from server.clients.statusline import add_statusline, remove_statusline, windows_command
from server.digest_hook.main import ask_hub
from server.ledger.quota import QuotaFile
from server.statusline.main import ask_hub as ask_for_figures
from server.statusline.main import in_shell, status_line
from tests.digest_hook.test_digest_hook import listening
from tests.hub_process import HubProcess
from tests.standins.hub import hub_standin
from tests.standins.serving import wait_until

SAMPLE = Path(__file__).parents[1] / "digests" / "samples" / "pytest-verbose" / "output.txt.gz"
LOG = gzip.decompress(SAMPLE.read_bytes()).decode()[-25_000:]
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


@pytest.mark.fast
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
        pytest.param(
            SESSION,
            {"model": "qwen", "held_out": True, "today": 12_345, "session": 0},
            "token-saver: off in this session, as a baseline for the savings · week 41 %",
            id="held-out",
        ),
    ],
)
def test_the_line(session: dict[str, Any], hub: dict[str, Any] | None, line: str) -> None:
    assert status_line(session, hub) == line


@pytest.mark.fast
def test_a_models_name_cannot_control_the_terminal(token_saver_home: Path) -> None:
    figures = {"model": "qwen\x1b]0;owned\x07\n\u202e" + "x" * 500, "today": 1, "session": 1}
    with hub_standin(token_saver_home, json.dumps(figures).encode()):
        said = run(command(), SESSION, {})
    assert said.startswith("token-saver: qwen?]0;owned???xx")
    assert said[:-1].isprintable()
    assert len(said) < 150


@pytest.mark.fast
def test_the_hub_is_asked_for_this_session(token_saver_home: Path) -> None:
    figures = {"model": "qwen", "paused": False, "today": 1_500, "session": 700}
    with hub_standin(token_saver_home, json.dumps(figures).encode()) as asked:
        said = run(command(), SESSION, {})
    assert said == "token-saver: qwen · saved 1.5k today, 700 here · week 41 %\n"
    [path] = asked
    query = parse_qs(urlsplit(path).query)
    assert (urlsplit(path).path, query["session"]) == ("/api/statusline", ["s"])
    assert [json.loads(text) for text in query["limits"]] == [SESSION["rate_limits"]]


@pytest.mark.fast
@pytest.mark.parametrize("answer", [b"[]", b"no JSON", b""], ids=["list", "text", "empty"])
def test_an_odd_answer_of_the_hub_counts_as_none(answer: bytes, token_saver_home: Path) -> None:
    with hub_standin(token_saver_home, answer):
        assert run(command(), SESSION, {}) == "token-saver: not running\n"


def test_the_quotas_are_kept_for_the_reports(hub: HubProcess) -> None:
    limits = quote(json.dumps(SESSION["rate_limits"]))
    assert hub.get(f"/api/statusline?session=s&limits={limits}")["session"] == 0
    assert QuotaFile(hub.home).read().seven_day == 41.3


def test_a_digest_counts_in_its_own_session(hub: HubProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(hub.home))
    own, other = uuid.uuid4().hex, uuid.uuid4().hex  # other tests use this hub, too

    def saved(session: str) -> int:
        return int(hub.get(f"/api/statusline?session={session}")["session"])

    assert saved(own) == 0
    response = {"stdout": LOG, "stderr": "", "interrupted": False, "isImage": False}
    event = {
        "tool_name": "Bash",
        "tool_input": {"command": "pytest -v"},
        "tool_response": response,
        "cwd": str(hub.home),
        "session_id": own,
        "tool_use_id": "toolu_1",
        "transcript_path": str(hub.home / "session.jsonl"),
    }
    # On a busy machine a result may pass unchanged.
    wait_until(lambda: ask_hub(json.dumps(event).encode(), time.monotonic() + 30) != b"")
    assert saved(own) > 5_000
    assert saved(other) == 0


@pytest.mark.fast
@pytest.mark.parametrize("session", [5, [], {"session_id": 7}], ids=["number", "list", "number-id"])
def test_an_odd_session_is_no_error(session: Any, token_saver_home: Path) -> None:
    assert run(command(), session, {}) == "token-saver: not running\n"


@pytest.mark.fast
def test_the_users_own_line_comes_first(token_saver_home: Path) -> None:
    own = 'read line; echo "mine: ${#line}"'
    text = json.dumps({"statusLine": {"type": "command", "command": own, "padding": 2}})
    ours = add_statusline(text)
    assert json.loads(ours)["statusLine"]["padding"] == 2
    said = run(command(text), SESSION, {})
    assert said.splitlines() == [f"mine: {len(json.dumps(SESSION))}", "token-saver: not running"]
    assert add_statusline(ours) == ours, "it is not wrapped twice"
    assert json.loads(remove_statusline(ours)) == json.loads(text)


@pytest.mark.fast
def test_a_failing_line_of_the_user_leaves_ours(token_saver_home: Path) -> None:
    text = json.dumps({"statusLine": {"type": "command", "command": "exit 3"}})
    assert run(command(text), SESSION, {}) == "token-saver: not running\n"


@pytest.mark.fast
def test_without_ours_the_settings_stay() -> None:
    text = '{"statusLine": {"type": "command", "command": "mine.sh"}}'
    assert remove_statusline(text) == text
    assert json.loads(remove_statusline(add_statusline("{}"))) == {}


@pytest.mark.fast
def test_it_loads_no_heavy_module() -> None:
    program = "import sys; import server.statusline.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"pydantic", "httpx", "mcp", "typer", "ssl"}.isdisjoint(done.stdout.split())


PYTHON = PureWindowsPath(r"C:\Users\me\uv\tools\Scripts\python.exe")
PACKAGES = PureWindowsPath(r"C:\Users\me\uv\tools\Lib\site-packages")
LAUNCHER = "C:/Users/me/uv/tools/Lib/site-packages/server/statusline/launch.py"
OWN = r"""node "C:\Users\me\line.mjs" 'it''s' $HOME `x` "$(date)" && echo \\ %PATH%"""


def words_in_bash(command: str) -> list[str]:
    """Return the words that Bash passes to the program of a command."""
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True, env={"HOME": "/home/me"}
    )
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.fast
@pytest.mark.parametrize("own", ["", "~/.claude/line.sh", OWN], ids=["none", "script", "every-sign"])
def test_a_command_for_windows_survives_both_of_its_shells(own: str) -> None:
    home = PureWindowsPath(r"D:\token saver\home")
    command = windows_command(PYTHON, PACKAGES, home, own)
    wrapped = ["--wrap-hex", own.encode().hex()] if own else []
    expected = [PYTHON.as_posix(), "-I", "-S", LAUNCHER, "--home", "D:/token saver/home", *wrapped]
    assert words_in_bash(command) == expected
    # PowerShell takes the first word for a command only without quotes, and loses double quotes. Single
    # quotes around a text without quotes mean the same there as in Bash.
    assert not re.search(r'["\\$`@,;&|(){}<>]', command)
    assert command.startswith(PYTHON.as_posix() + " ")
    text = json.dumps({"statusLine": {"type": "command", "command": command}})
    left = json.loads(remove_statusline(text))
    assert left == ({"statusLine": {"type": "command", "command": own}} if own else {})


@pytest.mark.fast
def test_the_file_for_windows_starts_the_status_line(tmp_path: Path) -> None:
    own = "read line; echo mine: ${#line}"
    packages = Path(add_statusline.__code__.co_filename).parents[2]
    command = windows_command(Path(sys.executable), packages, tmp_path / "a home", own)
    said = run(command, SESSION, {"TOKEN_SAVER_HOME": "/nowhere"})
    assert said.splitlines() == [f"mine: {len(json.dumps(SESSION))}", "token-saver: not running"]


@pytest.mark.fast
def test_the_users_own_line_runs_in_claude_codes_shell(tmp_path: Path) -> None:
    bash = tmp_path / "Programs" / "Git" / "bin" / "bash.exe"
    environ = {"LOCALAPPDATA": str(tmp_path), "PROGRAMFILES": str(tmp_path / "other")}
    assert in_shell("x", "win32", environ) == ["powershell", "-NoProfile", "-Command", "x"]
    bash.parent.mkdir(parents=True)
    bash.touch()
    assert in_shell("x", "win32", environ) == [bash.as_posix(), "-c", "x"]
    assert in_shell("x", "win32", {"CLAUDE_CODE_GIT_BASH_PATH": str(bash)}) == [str(bash), "-c", "x"]
    assert in_shell("x", "linux", environ) == ["/bin/sh", "-c", "x"]


@pytest.mark.fast
def test_another_program_at_the_hubs_address_gets_no_token(token_saver_home: Path) -> None:
    with listening(token_saver_home, proves=False) as received:
        assert ask_for_figures({"session_id": "s"}) is None
    assert received == []
