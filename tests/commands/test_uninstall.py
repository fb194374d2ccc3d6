"""Tests of ``token-saver uninstall`` with the real Claude Code: all is as before the first ``connect``."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.bridge.discovery import find_running
from server.bridge.own_folders import RECORD, make_folder
from server.config.autostart import Autostart, find_autostart
from tests.commands.test_connect import run
from tests.forks import program
from tests.hub_process import hub_environ, start_hub
from tests.standins.claude_code import claude_binary, run_claude_code, shut_off
from tests.standins.messages import MessagesStandIn, Text
from tests.standins.plugin_checkout import copy_checkout

SETTINGS = b'{\n\t"cleanupPeriodDays": 30,\n\t"hooks": {"Stop": []}\n}\n'
MEMORY = b"# Mine\r\n\r\nUse uv.\r\n"
CURSOR = b'{"mcpServers": {"other": {"command": "x"}}}'
PROJECT = b'{\n    "mcpServers": {}\n}\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which Claude Code and Cursor were used before, and a project."""
    home = tmp_path / "home"
    for folder in ("config", "project", ".cursor", "bin"):
        (home / folder).mkdir(parents=True)
    (home / "bin" / "claude").symlink_to(claude_binary())
    (home / "config" / "settings.json").write_bytes(SETTINGS)
    (home / "config" / "CLAUDE.md").write_bytes(MEMORY)
    (home / ".cursor" / "mcp.json").write_bytes(CURSOR)
    (home / "project" / ".mcp.json").write_bytes(PROJECT)
    return home


def environ(home: Path) -> dict[str, str]:
    path = os.pathsep.join((str(home / "bin"), os.environ.get("PATH", os.defpath)))
    return {**shut_off(home), "PATH": path}


def connect_everything(home: Path) -> None:
    extras = ("--claude-md", "--hook", "--digest", "--statusline")
    in_project = {**environ(home), "CLAUDE_CONFIG_DIR": str(home / "config")}
    with start_hub(home / "token-saver"):
        for arguments in (("claude-code", *extras), ("cursor",)):
            done = run(home, "connect", *arguments, **in_project)
            assert done.returncode == 0, done.stderr
        done = program.run(
            *("connect", "claude-code", "--scope", "project", *extras),
            env={**hub_environ(home / "token-saver"), **in_project},
            cwd=home / "project",
        )
        assert done.returncode == 0, done.stderr
    start_at_login(home).enable()


def start_at_login(home: Path) -> Autostart:
    return find_autostart(environ={}, home=home)


def plugin(home: Path, *arguments: str | Path) -> str:
    """Run a command of ``claude plugin`` in the project."""
    done = subprocess.run(
        [claude_binary(), "plugin", *arguments],
        env=shut_off(home),
        cwd=home / "project",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def servers(home: Path) -> str:
    done = subprocess.run(
        [claude_binary(), "mcp", "list"],
        env=shut_off(home),
        cwd=home / "project",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_everything_comes_off_to_the_byte(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = servers(home)
    connect_everything(home)
    for name in ("settings.json", "CLAUDE.md"):
        assert b"token-saver" in (home / "config" / name).read_bytes() or name == "settings.json"
    assert b"digest_hook" in (home / "project" / ".claude" / "settings.local.json").read_bytes()
    assert "token-saver" in servers(home)
    texts = home / "token-saver" / "cache" / "texts"
    texts.mkdir(parents=True)
    (texts / "0123456789abcdef.txt").write_text("kept")
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home / "token-saver"))
    make_folder(home / "token-saver" / "models")
    (home / "token-saver" / "models" / "a.gguf").write_text("weights")

    shown = run(home, "uninstall", "--dry-run", **environ(home))
    assert shown.returncode == 0, shown.stderr
    assert "would remove claude-code: hook, digest, statusline in " in shown.stdout
    assert texts.exists()

    # Claude Code started the server, and the server the hub.
    assert find_running(str(home / "token-saver")) is not None
    done = run(home, "uninstall", **environ(home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert find_running(str(home / "token-saver")) is None
    assert (home / "config" / "settings.json").read_bytes() == SETTINGS
    assert (home / "config" / "CLAUDE.md").read_bytes() == MEMORY
    assert (home / ".cursor" / "mcp.json").read_bytes() == CURSOR
    assert (home / "project" / ".mcp.json").read_bytes() == PROJECT
    assert not (home / "project" / ".claude").exists()
    assert not (home / "project" / "CLAUDE.md").exists()
    assert servers(home) == before
    assert not Path(start_at_login(home).where).exists()
    left = sorted(path.name for path in (home / "token-saver").iterdir())
    kept = [RECORD, "check-places.json", "models", "output.log"]
    assert [name for name in left if name != "history.db"] == kept
    assert "left: " in done.stdout
    assert "uv tool uninstall" in done.stdout

    again = run(home, "uninstall", "--history", "--weights", "--settings", **environ(home))
    assert again.returncode == 0, again.stdout + again.stderr
    assert [path.name for path in (home / "token-saver").iterdir()] == ["output.log"]


def test_plugins_and_their_marketplace_come_off(home: Path, tmp_path: Path) -> None:
    connect_everything(home)
    plugin(home, "marketplace", "add", copy_checkout(tmp_path / "checkout"))
    plugin(home, "install", "token-saver-digests@claude-token-saver")
    plugin(home, "install", "--scope", "local", "token-saver@claude-token-saver")
    settings = home / "config" / "settings.json"
    assert settings.read_bytes().startswith(b'{\n  "cleanup'), "Claude Code has written it anew"
    done = run(home, "uninstall", **environ(home))
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("plugin token-saver-digests@", "plugin token-saver@", "marketplace claude-token-saver"):
        assert f"removed claude-code: {what}" in done.stdout
    assert settings.read_bytes() == SETTINGS
    assert not (home / "project" / ".claude").exists()
    assert "token-saver" not in plugin(home, "list", "--json") + plugin(home, "marketplace", "list")


def test_what_others_changed_since_stays(home: Path) -> None:
    connect_everything(home)
    settings = home / "config" / "settings.json"
    changed = json.loads(settings.read_bytes())
    changed["model"] = "opus"
    settings.write_text(json.dumps(changed, indent=2))
    memory = home / "config" / "CLAUDE.md"
    memory.write_bytes(memory.read_bytes() + b"Later.\r\n")
    entry = Path(start_at_login(home).where)
    entry.write_text(entry.read_text() + "Hidden=true\n")
    done = run(home, "uninstall", **environ(home))
    assert done.returncode == 0, done.stdout + done.stderr
    left = json.loads(settings.read_bytes())
    assert (left["model"], left["cleanupPeriodDays"]) == ("opus", 30)
    assert "token-saver" not in settings.read_text() + memory.read_text()
    assert left["hooks"] == {"Stop": []}
    assert memory.read_bytes().endswith(b"Later.\r\n")
    assert not entry.exists()


def test_a_file_that_cannot_be_changed_is_named_and_the_rest_goes(home: Path) -> None:
    connect_everything(home)
    broken = home / ".cursor" / "mcp.json"
    broken.write_text('{"mcpServers": {')
    done = run(home, "uninstall", "--json", **environ(home))
    assert done.returncode == 1
    problems = [each["what"] for each in json.loads(done.stdout)["removed"] if each["problem"]]
    assert problems == ["cursor: list of servers"]
    assert (home / "config" / "settings.json").read_bytes() == SETTINGS
    assert (home / "token-saver" / "clients").is_dir(), "the backups stay for the next attempt"


@pytest.mark.parametrize("how", ["uninstalled", "deleted"])
def test_claude_code_starts_without_the_app(how: str, home: Path) -> None:
    connect_everything(home)
    if how == "uninstalled":
        done = run(home, "uninstall", **environ(home))
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        # As after the folder of the app was deleted: its Python does not exist any more.
        for path in (home / "config").rglob("*.json"):
            _replace_python(path)
    seconds = []
    for _ in range(3):
        with MessagesStandIn([[Text("Hello.")]]) as api:
            started = time.monotonic()
            result = run_claude_code("Hi.", api.url, home=home, project=home / "project", servers={})
            seconds.append(time.monotonic() - started)
        assert result.result["result"] == "Hello."
    assert max(seconds) < 60


def _replace_python(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    mode = stat.S_IMODE(path.stat().st_mode)
    path.write_text(text.replace(str(Path(sys.executable).absolute()), "/gone/bin/python"), encoding="utf-8")
    path.chmod(mode)
