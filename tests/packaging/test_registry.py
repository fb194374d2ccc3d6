"""The rules of the MCP registry for ``server.json``, and one version in every package.

The rules are those of the schema of 2025-12-11 and of the official registry's page of requirements:
https://github.com/modelcontextprotocol/registry (``docs/reference/server-json``).
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from server.clients.config_files import SERVER_NAME

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parent.parent.parent
SERVER: dict[str, Any] = json.loads((ROOT / "packaging" / "server.json").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MANIFESTS = (
    "packaging/server.json",
    "packaging/manifest.json",
    ".claude-plugin/plugin.json",
    "server/reminder/.claude-plugin/plugin.json",
    "server/.claude-plugin/plugin.json",
)


@pytest.mark.parametrize("path", MANIFESTS)
def test_every_package_has_the_apps_version(path: str) -> None:
    assert json.loads((ROOT / path).read_text(encoding="utf-8"))["version"] == PROJECT["version"]


def test_the_changelog_has_the_version_and_each_earlier_one_has_its_files() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", text, re.MULTILINE)
    assert versions[0] == PROJECT["version"]
    kept = {path.name for path in (ROOT / "tests" / "data").iterdir() if (path / "history.db.gz").exists()}
    assert set(versions[1:]) <= kept, "an old history of each version is a test's data"


def test_the_server_is_described_as_the_registry_wants_it() -> None:
    assert SERVER.keys() <= {
        "$schema",
        "name",
        "title",
        "description",
        "version",
        "packages",
        "remotes",
        "repository",
        "websiteUrl",
        "icons",
        "_meta",
    }
    assert SERVER["$schema"] == "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 3 <= len(SERVER["name"]) <= 200
    assert SERVER["name"].endswith(f"/{SERVER_NAME}")
    assert 1 <= len(SERVER["title"]) <= 100
    assert 1 <= len(SERVER["description"]) <= 100
    # One exact release, never a range.
    assert re.fullmatch(r"\d+\.\d+\.\d+", SERVER["version"])


def test_its_package_is_the_one_on_pypi() -> None:
    [package] = SERVER["packages"]
    assert package.keys() <= {
        "registryType",
        "registryBaseUrl",
        "identifier",
        "version",
        "runtimeHint",
        "runtimeArguments",
        "packageArguments",
        "environmentVariables",
        "fileSha256",
        "transport",
    }
    assert (package["registryType"], package["registryBaseUrl"]) == ("pypi", "https://pypi.org")
    assert (package["identifier"], package["version"]) == (PROJECT["name"], PROJECT["version"])
    assert package["transport"] == {"type": "stdio"}
    # Clients run `uvx IDENTIFIER`, which starts the command of that name.
    assert package["runtimeHint"] == "uvx"
    assert PROJECT["scripts"][package["identifier"]] == PROJECT["scripts"]["token-saver-mcp"]
    for variable in package["environmentVariables"]:
        assert variable.keys() <= {"name", "description", "format", "isRequired", "isSecret", "default"}
        assert variable["format"] in ("string", "number", "boolean", "filepath")


def test_the_readme_proves_that_the_package_is_ours() -> None:
    # The registry looks for this line in the description of the package on PyPI.
    assert f"mcp-name: {SERVER['name']}" in (ROOT / PROJECT["readme"]).read_text(encoding="utf-8")
