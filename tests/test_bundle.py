"""The bundle for Claude Desktop holds the whole app and says what it is."""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("bundle") / "token-saver.mcpb"
    subprocess.run([sys.executable, ROOT / "packaging" / "build_mcpb.py", target], check=True)
    return zipfile.ZipFile(target)


def test_it_has_the_apps_version_and_command(bundle: zipfile.ZipFile) -> None:
    manifest = json.loads(bundle.read("manifest.json"))
    project = tomllib.loads(bundle.read("pyproject.toml").decode())["project"]
    assert manifest["manifest_version"] == "0.4"
    assert manifest["version"] == project["version"]
    assert manifest["server"]["type"] == "uv"
    assert manifest["server"]["mcp_config"]["args"][-1] in project["scripts"]
    assert manifest["compatibility"]["runtimes"]["python"] == project["requires-python"]


def test_what_it_names_is_in_it(bundle: zipfile.ZipFile) -> None:
    manifest = json.loads(bundle.read("manifest.json"))
    names = set(bundle.namelist())
    assert {manifest["icon"], manifest["server"]["entry_point"], "README.md", "LICENSE"} <= names
    for package in ("server", "tray", "dashboard", "assets"):
        sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")}
        assert sources <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]
    # Every setting that the user is asked for is used.
    text = json.dumps(manifest["server"])
    assert all(f"${{user_config.{key}}}" in text for key in manifest["user_config"])
