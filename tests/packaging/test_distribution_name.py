"""The distribution's name: the one of ``pyproject.toml`` everywhere."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from server.common.distribution import FORMER_NAME, NAME, installed_version
from tests.system import require

ROOT = Path(__file__).parent.parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BRIDGE = PROJECT["scripts"]["token-saver-mcp"]
OTHER_MEANINGS = re.compile(
    r"@claude-token-saver\b"  # the marketplace
    r"|io\.github\.claude-token-saver\b"  # the namespace of the MCP registry and of macOS's login items
    r"|cd claude-token-saver\b"  # the folder of a checkout
    r"|`claude-token-saver` on PyPI\b"  # the other product
)
FORMER = re.compile(r"claude[-_]token[-_]saver(?![-_]app)")
# Files whose subject is the former name or the marketplace.
SPEAK_OF_IT = {
    ".claude-plugin/marketplace.json",
    "CHANGELOG.md",
    "server/clients/former_name.py",
    "server/clients/plugins.py",  # the marketplace has that name
    "server/common/distribution.py",
}


def test_the_app_asks_for_its_own_version() -> None:
    assert PROJECT["name"] == NAME
    assert installed_version() == PROJECT["version"]


def test_a_command_has_the_packages_name_for_uvx() -> None:
    assert PROJECT["scripts"][NAME] == BRIDGE
    assert FORMER_NAME not in PROJECT["scripts"]


def test_registry_bundle_and_plugin_start_this_package() -> None:
    registry = json.loads((ROOT / "packaging" / "server.json").read_text(encoding="utf-8"))
    assert [package["identifier"] for package in registry["packages"]] == [NAME]
    bundle = json.loads((ROOT / "packaging" / "manifest.json").read_text(encoding="utf-8"))
    plugin = json.loads((ROOT / ".claude-plugin" / "plugin.json").read_text(encoding="utf-8"))
    for entry in (bundle["server"]["mcp_config"], plugin["mcpServers"]["token-saver"]):
        # Both bring pyproject.toml along, and start the module behind the project's command by its name: a
        # script would be looked up in the folder of the user's project as well.
        assert entry["command"] == "uv"
        assert entry["args"][-2:] == ["-m", BRIDGE.removesuffix(".main:main")]


def test_the_readme_and_the_docs_name_this_package() -> None:
    assert NAME in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_other_file_uses_the_former_name() -> None:
    require("git")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if name and not name.startswith("tests/")]
    found = {name for name in names if (ROOT / name).is_file() and _has_former_name(ROOT / name)}
    assert found <= SPEAK_OF_IT


def _has_former_name(path: Path) -> bool:
    text = path.read_bytes().decode("utf-8", errors="ignore")
    return FORMER.search(OTHER_MEANINGS.sub("", text)) is not None
