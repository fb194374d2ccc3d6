"""Tests of the reminder hook: it reminds before large reads and writes and never blocks a call."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.bridge import discovery
from server.reminder import __main__ as hook
from server.reminder.__main__ import LARGE_READ, LARGE_WRITE

pytestmark = pytest.mark.fast

PROGRAM = Path(hook.__file__)


def run(event: bytes, *command: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        command or (sys.executable, str(PROGRAM)), input=event, capture_output=True, check=False
    )


def said(tool: str, **arguments: Any) -> str:
    done = run(json.dumps({"tool_name": tool, "tool_input": arguments}).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    if not done.stdout:
        return ""
    output = json.loads(done.stdout)["hookSpecificOutput"]
    # The output has no decision: the hook does not control whether the call runs.
    assert output.keys() == {"hookEventName", "additionalContext"}
    assert output["hookEventName"] == "PreToolUse"
    return str(output["additionalContext"])


def test_reading_a_large_file_gets_a_reminder(tmp_path: Path) -> None:
    file = tmp_path / "größe 1.log"
    file.write_text("x" * LARGE_READ)
    reminder = said("Read", file_path=str(file))
    assert "größe 1.log has 32 kB" in reminder
    assert "compress_context" in reminder
    assert len(reminder) < 400
    # A read of a named part gets no reminder.
    assert said("Read", file_path=str(file), offset=100) == ""
    assert said("Read", file_path=str(file), limit=50) == ""


@pytest.mark.parametrize("content", [b"x" * (LARGE_READ - 1), b"\x89PNG\0" + b"x" * LARGE_READ])
def test_small_and_binary_files_get_no_reminder(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert said("Read", file_path=str(tmp_path / "file")) == ""


def test_a_large_write_gets_a_reminder_and_a_small_one_none() -> None:
    reminder = said("Write", file_path="/p/tests/test_a.py", content="x" * LARGE_WRITE)
    assert "test_a.py" in reminder
    assert "offload_work" in reminder
    assert len(reminder) < 400
    assert said("Write", file_path="/p/a.py", content="x" * (LARGE_WRITE - 1)) == ""


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"not json",
        b"[]",
        b"\xff\xfe",
        b'{"tool_name": "Bash", "tool_input": {"command": "ls"}}',
        b'{"tool_name": "Read", "tool_input": {}}',
        b'{"tool_name": "Read", "tool_input": {"file_path": "/no/such/file"}}',
        b'{"tool_name": "Read", "tool_input": {"file_path": "/"}}',
        b'{"tool_name": "Read", "tool_input": {"file_path": 7}}',
        b'{"tool_name": "Write", "tool_input": null}',
    ],
)
def test_unknown_events_pass_without_output(event: bytes) -> None:
    done = run(event)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("started_as", ["module", "plugin"])
def test_a_held_out_session_gets_no_reminder(started_as: str, token_saver_home: Path, tmp_path: Path) -> None:
    token_saver_home.mkdir(exist_ok=True)
    (token_saver_home / hook.HELD_OUT).write_text("other\nmine")
    command = (sys.executable, "-P", "-m", "server.reminder")
    if started_as == "plugin":
        command = (sys.executable, "-I", "-S", str(shutil.copy(PROGRAM, tmp_path / "__main__.py")))
    arguments = {"file_path": "a", "content": "x" * LARGE_WRITE}
    for session, silent in (("mine", True), ("min", False)):
        event = {"tool_name": "Write", "tool_input": arguments, "session_id": session}
        assert (run(json.dumps(event).encode(), *command).stdout == b"") is silent


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize(
    "environ",
    [
        {"HOME": "/home/me"},
        {"HOME": "/home/me", "XDG_STATE_HOME": "/state/"},
        {"HOME": "/home/me", "XDG_STATE_HOME": "relative"},
        {"HOME": "/home/me", "TOKEN_SAVER_HOME": "~/saver"},
        {"USERPROFILE": "C:\\Users\\me", "LOCALAPPDATA": "D:\\Local"},
        {"USERPROFILE": "C:\\Users\\me"},
    ],
    ids=["plain", "xdg", "relative-xdg", "own-folder", "local-app-data", "profile"],
)
def test_the_hook_looks_in_the_apps_state_folder(environ: dict[str, str], platform: str) -> None:
    assert hook.state_folder(environ, platform) == discovery.state_folder(environ, platform)


def test_the_hook_runs_as_a_module_and_from_a_copied_folder(tmp_path: Path) -> None:
    event = json.dumps({"tool_name": "Write", "tool_input": {"file_path": "a", "content": "x" * LARGE_WRITE}})
    copy = tmp_path / "__main__.py"
    copy.write_bytes(PROGRAM.read_bytes())
    for command in ((sys.executable, "-P", "-m", "server.reminder"), (sys.executable, "-I", str(copy))):
        assert b"offload_work" in run(event.encode(), *command).stdout
