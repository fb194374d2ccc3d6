"""The Claude Code plugin: Claude Code accepts it, and it describes the app."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.standins.claude_code import claude_binary, shut_off

ROOT = Path(__file__).parent.parent
MARKETPLACE = ROOT / ".claude-plugin" / "marketplace.json"
PLUGIN = ROOT / ".claude-plugin" / "plugin.json"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a marketplace user gets, as far as plugins are concerned."""
    folder = tmp_path_factory.mktemp("checkout") / "plugin"
    folder.mkdir()
    for name in (".claude-plugin", "skills", "server/reminder", "README.md", "LICENSE"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return folder


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


def test_both_plugins_are_installed_from_the_marketplace_and_the_hook_is_a_separate_plugin(
    checkout: Path, home: Path
) -> None:
    claude(home, "marketplace", "add", checkout)
    names = [plugin["name"] for plugin in json.loads(MARKETPLACE.read_text(encoding="utf-8"))["plugins"]]
    assert names == ["token-saver", "token-saver-reminder"]
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
    claude(home, "uninstall", "token-saver-reminder")
    assert "token-saver-reminder@claude-token-saver" not in installed(home)


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
