"""Wheels of every runtime dependency for each system: the installation needs no compiler."""

import subprocess
from pathlib import Path

import pytest

from tests.system import require_registry

PYPROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"
PYTHONS = ("3.11", "3.14")
"""The oldest supported version, and the newest with a release."""
PLATFORMS = {
    "windows-x64": "x86_64-pc-windows-msvc",
    "macos-x64": "x86_64-apple-darwin",
    "macos-arm64": "aarch64-apple-darwin",
    "linux-x64": "x86_64-unknown-linux-gnu",
    "linux-arm64": "aarch64-unknown-linux-gnu",
}


@pytest.fixture(scope="module", autouse=True)
def registry() -> None:
    require_registry()


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS.keys())
@pytest.mark.parametrize("python", PYTHONS, ids=["oldest-python", "newest-python"])
def test_the_dependencies_resolve_to_wheels(python: str, platform: str) -> None:
    target = ("--python-platform", platform, "--python-version", python)
    resolved = subprocess.run(
        ["uv", "pip", "compile", "--quiet", "--no-annotate", *target, "--only-binary", ":all:", PYPROJECT],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=250,
    )
    assert resolved.returncode == 0, resolved.stderr
    names = {line.partition("==")[0] for line in resolved.stdout.splitlines()}
    assert {"mcp", "nicegui", "xllamacpp", "tree-sitter-rust"} <= names
    assert ("dbus-fast" in names) == platform.endswith("linux-gnu")
