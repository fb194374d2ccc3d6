"""Tests of ``connect claude-code --claude-md --hook`` with the real Claude Code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.clients.advice import BEGIN
from tests.commands.test_connect import run
from tests.hub_process import start_hub
from tests.standins.claude_code import claude_binary, run_claude_code, shut_off
from tests.standins.messages import MessagesStandIn, Text, ToolUse

EXTRAS = ("--claude-md", "--hook")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "größer home"
    (home / "config").mkdir(parents=True)
    (home / "project").mkdir()
    return home


def environ(home: Path) -> dict[str, str]:
    # Without the CLI on the PATH: `claude mcp add` takes seconds and is tested elsewhere.
    return {**shut_off(home), "PATH": os.defpath}


def facts(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_claude_code_gets_advice_and_reminders_until_disconnected(home: Path) -> None:
    settings, memory = home / "config" / "settings.json", home / "config" / "CLAUDE.md"
    settings.write_text('{\n  "cleanupPeriodDays": 30\n}\n')
    (home / "project" / "big.log").write_text("line\n" * 10_000)
    with start_hub(home / "token-saver"):
        plain = facts(run(home, "connect", "claude-code", "--json", **environ(home)))
        assert plain["changed"]
        assert plain["advice"] == []
        assert not memory.exists()
        assert "hooks" not in settings.read_text()

        shown = facts(run(home, "connect", "claude-code", *EXTRAS, "--dry-run", "--json", **environ(home)))
        assert [each["changed"] for each in shown["advice"]] == [False, False]
        assert all(
            "token-saver" in each["diff"] or "server.reminder" in each["diff"] for each in shown["advice"]
        )
        assert not memory.exists()

        done = run(home, "connect", "claude-code", *EXTRAS, **environ(home))
        assert done.returncode == 0, done.stderr
        assert "+## Routine work" in done.stdout
        again = facts(run(home, "connect", "claude-code", *EXTRAS, "--json", **environ(home)))
        assert (again["changed"], [each["changed"] for each in again["advice"]]) == (False, [False, False])

        script = [[ToolUse("Read", {"file_path": str(home / "project" / "big.log")})], [Text("Read.")]]
        with MessagesStandIn(script) as api:
            run_claude_code("Read it.", api.url, home=home, project=home / "project", servers={})
        asked = json.dumps([request for request in api.requests if request.get("tools")])
        assert "Routine work goes to the local model" in asked
        assert "big.log has 50 kB" in asked

        off = run(home, "disconnect", "claude-code", "--hook", **environ(home))
        assert off.returncode == 0, off.stderr
        assert settings.read_text() == '{\n  "cleanupPeriodDays": 30\n}\n'
        assert BEGIN in memory.read_text()
        gone = facts(run(home, "disconnect", "claude-code", "--json", **environ(home)))
        assert gone["changed"]
        assert not memory.exists()
        assert claude_binary().exists()


def test_other_clients_support_neither(home: Path) -> None:
    (home / ".cursor").mkdir()
    for flag in EXTRAS:
        done = run(home, "connect", "cursor", flag)
        assert (done.returncode, "only with claude-code" in done.stderr) == (1, True)
    assert not any((home / ".cursor").iterdir())


def test_connecting_corrects_a_hook_of_the_former_name(home: Path) -> None:
    former = home / "tools" / "claude-token-saver" / "bin" / "python"
    hook = {"type": "command", "command": str(former), "args": ["-P", "-m", "server.reminder"], "timeout": 10}
    settings = home / "config" / "settings.json"
    settings.write_text(json.dumps({"hooks": {"PreToolUse": [{"matcher": "Read|Write", "hooks": [hook]}]}}))
    shown = facts(run(home, "connect", "claude-code", "--dry-run", "--json", **environ(home)))
    [corrected] = shown["advice"]
    assert corrected["changed"] is False, "a dry run writes nothing"
    assert str(Path(sys.executable).absolute()) in corrected["diff"]
    assert "tools/claude-token-saver/bin" in settings.read_text()
    with start_hub(home / "token-saver"):
        facts(run(home, "connect", "claude-code", "--json", **environ(home)))
    assert "tools/claude-token-saver/bin" not in settings.read_text()
    assert "server.reminder" in settings.read_text()
