"""The Claude Code plugin: Claude Code accepts it, and it describes the app."""

import gzip
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.clients.hooks import hook_entries
from server.reminder.__main__ import HELD_OUT, LARGE_WRITE
from tests.hub_process import HubProcess
from tests.standins.claude_code import claude_binary, shut_off
from tests.standins.plugin_checkout import copy_checkout

ROOT = Path(__file__).parent.parent.parent
MARKETPLACE = ROOT / ".claude-plugin" / "marketplace.json"
SAMPLE = ROOT / "tests" / "digests" / "samples" / "pytest-verbose" / "output.txt.gz"
PLUGIN = ROOT / ".claude-plugin" / "plugin.json"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a marketplace user gets, as far as plugins are concerned."""
    return copy_checkout(tmp_path_factory.mktemp("checkout") / "plugin")


def claude(home: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        [claude_binary(), "plugin", *arguments],
        env=shut_off(home),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed(home: Path) -> dict[str, dict[str, Any]]:
    """Return the installed plugins by id. The client may list its own plugins as well."""
    return {plugin["id"]: plugin for plugin in json.loads(claude(home, "list", "--json"))}


def test_claude_code_finds_no_fault(checkout: Path, home: Path) -> None:
    claude(home, "validate", "--strict", checkout)
    found = claude(home, "validate", "--strict", checkout / ".claude-plugin" / "plugin.json")
    assert "mcpServers: token-saver" in found
    claude(home, "validate", "--strict", checkout / "server" / "reminder")
    claude(home, "validate", "--strict", checkout / "server")


def test_both_plugins_are_installed_from_the_marketplace_and_the_hook_is_a_separate_plugin(
    checkout: Path, home: Path
) -> None:
    claude(home, "marketplace", "add", checkout)
    names = [plugin["name"] for plugin in json.loads(MARKETPLACE.read_text(encoding="utf-8"))["plugins"]]
    assert names == ["token-saver", "token-saver-reminder", "token-saver-digests"]
    claude(home, "install", "token-saver@claude-token-saver")
    first = installed(home)["token-saver@claude-token-saver"]
    assert not list(Path(first["installPath"]).glob("hooks")), "no hook unless it is asked for"
    assert "token-saver-reminder@claude-token-saver" not in installed(home)
    claude(home, "install", "token-saver-reminder@claude-token-saver")
    second = installed(home)["token-saver-reminder@claude-token-saver"]
    # The hook runs from a copy that contains only its folder.
    command = json.loads((Path(second["installPath"]) / "hooks" / "hooks.json").read_text(encoding="utf-8"))
    [hook] = command["hooks"]["PreToolUse"][0]["hooks"]
    program = hook["args"][-1].replace("${CLAUDE_PLUGIN_ROOT}", second["installPath"])
    assert Path(program).is_file()
    arguments = [part.replace("${CLAUDE_PLUGIN_ROOT}", second["installPath"]) for part in hook["args"]]
    (home / "saver").mkdir()
    (home / "saver" / HELD_OUT).write_text("held-out")
    for session, silent in (("held-out", True), ("other", False)):
        written = {"file_path": "a.py", "content": "x" * LARGE_WRITE}
        event = {"tool_name": "Write", "tool_input": written, "session_id": session}
        done = subprocess.run(
            [hook["command"], *arguments],
            input=json.dumps(event).encode(),
            env=os.environ | {"TOKEN_SAVER_HOME": str(home / "saver")},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout == b"") == (0, silent), done.stderr
    claude(home, "uninstall", "token-saver-reminder")
    assert "token-saver-reminder@claude-token-saver" not in installed(home)


def test_the_digest_hook_of_the_plugin_works_from_a_copy(checkout: Path, home: Path, hub: HubProcess) -> None:
    claude(home, "marketplace", "add", checkout)
    claude(home, "install", "token-saver-digests@claude-token-saver")
    folder = installed(home)["token-saver-digests@claude-token-saver"]["installPath"]
    hooks = json.loads((Path(folder) / "digest_hook" / "hooks.json").read_text(encoding="utf-8"))["hooks"]
    [first, edited] = hooks["PostToolUse"]
    assert [first["matcher"], edited["matcher"]] == [entry["matcher"] for _, entry in hook_entries("digest")]
    [hook] = first["hooks"]
    arguments = [part.replace("${CLAUDE_PLUGIN_ROOT}", folder) for part in hook["args"]]
    log = gzip.decompress(SAMPLE.read_bytes()).decode()[-25_000:]
    event = {
        "tool_name": "Bash",
        "tool_input": {"command": "pytest -v"},
        "tool_response": {"stdout": log, "stderr": "", "interrupted": False, "isImage": False},
        "cwd": str(home),
        "session_id": "plugin",
        "tool_use_id": "toolu_1",
        "transcript_path": str(home / "session.jsonl"),
    }
    done = subprocess.run(
        [hook["command"], *arguments],
        input=json.dumps(event).encode(),
        env=hub.environ,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"6 failed, 1707 passed" in done.stdout
    claude(home, "uninstall", "token-saver-digests")


def test_its_commands_are_those_of_the_app() -> None:
    pages = sorted((ROOT / ".claude-plugin" / "commands").glob("*.md"))
    assert [page.stem for page in pages] == ["doctor", "pause", "resume", "savings"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert len(yaml.safe_load(text.split("---")[1])["description"]) > 20
        assert f"token-saver {page.stem}" in text


def test_it_has_the_apps_version_and_command() -> None:
    plugin = json.loads(PLUGIN.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert plugin["version"] == project["version"]
    assert plugin["license"] == project["license"]
    module = plugin["mcpServers"]["token-saver"]["args"][-1]
    assert f"{module}.main:main" == project["scripts"]["token-saver-mcp"]
    assert (ROOT / plugin["icon"]).is_file()


def test_the_skill_is_named_as_its_folder_and_says_when_to_use_it() -> None:
    text = (ROOT / "skills" / "offload" / "SKILL.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1])
    assert front["name"] == "offload"
    assert 40 < len(front["description"]) < 1024
    assert set(re.findall(r"`(\w+)=", text)) == {"files", "output", "each"}
