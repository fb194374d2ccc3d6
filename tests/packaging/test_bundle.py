"""The bundle for Claude Desktop: it contains the whole app and a correct manifest."""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
# The keys of the schema of manifest version 0.4; it refuses others
# (https://github.com/modelcontextprotocol/mcpb, ``schemas/mcpb-manifest-v0.4.schema.json``).
KNOWN = {
    "": """manifest_version name display_name version description long_description author repository homepage
        documentation support icon icons screenshots localization server tools tools_generated prompts
        prompts_generated keywords license privacy_policies compatibility user_config _meta""",
    "author": "name email url",
    "server": "type entry_point mcp_config",
    "server.mcp_config": "command args env platform_overrides",
    "compatibility": "claude_desktop platforms runtimes",
    "compatibility.runtimes": "python node",
}
REQUIRED = {
    "": "name version description author server",
    "author": "name",
    "server": "type entry_point mcp_config",
    "server.mcp_config": "command",
}
OPTION = {"type", "title", "description", "required", "default", "multiple", "sensitive", "min", "max"}


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
    module = manifest["server"]["mcp_config"]["args"][-1]
    assert f"{module}.main:main" == project["scripts"]["token-saver-mcp"]
    assert manifest["compatibility"]["runtimes"]["python"] == project["requires-python"]


def test_its_manifest_has_the_keys_of_version_0_4_and_no_others(bundle: zipfile.ZipFile) -> None:
    manifest = json.loads(bundle.read("manifest.json"))
    for place, known in KNOWN.items():
        table = manifest
        for key in place.split(".") if place else ():
            table = table[key]
        assert set(REQUIRED.get(place, "").split()) <= table.keys() <= set(known.split()), place
    assert set(manifest["compatibility"]["platforms"]) <= {"darwin", "win32", "linux"}
    assert all(isinstance(value, str) for value in manifest["server"]["mcp_config"]["env"].values())
    for option in manifest["user_config"].values():
        assert {"type", "title", "description"} <= option.keys() <= OPTION
        assert option["type"] in ("string", "number", "boolean", "directory", "file")


def test_every_file_that_it_names_is_in_it(bundle: zipfile.ZipFile) -> None:
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
