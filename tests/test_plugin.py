"""The Claude Code plugin is what Claude Code takes for one, and says what the app is."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import yaml

from tests.standins.claude_code import claude_binary, shut_off

ROOT = Path(__file__).parent.parent
PLUGIN = ROOT / ".claude-plugin" / "plugin.json"


def test_claude_code_finds_nothing_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    folder.mkdir()
    for name in (".claude-plugin", "skills", "README.md", "LICENSE"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    for path in (folder, folder / ".claude-plugin" / "plugin.json"):
        done = subprocess.run(
            [claude_binary(), "plugin", "validate", "--strict", path],
            env=shut_off(tmp_path / "home"),
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "mcpServers: token-saver" in done.stdout


def test_it_has_the_apps_version_and_command() -> None:
    plugin = json.loads(PLUGIN.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert plugin["version"] == project["version"]
    assert plugin["license"] == project["license"]
    assert plugin["mcpServers"]["token-saver"]["args"][-1] in project["scripts"]
    assert (ROOT / plugin["icon"]).is_file()


def test_the_skill_is_named_as_its_folder_and_says_when_to_use_it() -> None:
    text = (ROOT / "skills" / "offload" / "SKILL.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1])
    assert front["name"] == "offload"
    assert 40 < len(front["description"]) < 1024
    assert set(re.findall(r"`(\w+)=", text)) == {"files", "output", "each"}
