"""A release: built twice, from different folders and at different times, it has the same bytes."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.test_pins import PINS
from tests.system import require

ROOT = Path(__file__).parent.parent.parent
# A lock file is not under version control. Without one, `uv export` would resolve all packages again.
LOCK = "uv.lock"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds: one of this checkout, and one of a copy without Git, with other times and modes."""
    require("uv")
    require("git")
    first = tmp_path_factory.mktemp("first")
    build(ROOT, first)
    copy = tmp_path_factory.mktemp("other place") / "größer"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in [*filter(None, listed.stdout.split("\0")), LOCK]:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
            # Other users have another umask, and a checkout sets the files' times to its own.
            (copy / name).chmod(0o700 if os.access(ROOT / name, os.X_OK) else 0o600)
            os.utime(copy / name, (1_500_000_000, 1_500_000_000))
    (copy / "server" / "__pycache__").mkdir()
    (copy / "server" / "__pycache__" / "left.pyc").write_bytes(b"left")
    second = tmp_path_factory.mktemp("second")
    build(copy, second)
    return first, second


def build(checkout: Path, target: Path) -> None:
    done = subprocess.run(
        [sys.executable, checkout / "packaging" / "build.py", target],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def test_two_builds_have_the_same_bytes(builds: tuple[Path, Path]) -> None:
    first, second = (sorted(folder.iterdir()) for folder in builds)
    assert [path.name for path in first] == [path.name for path in second]
    kinds = sorted(path.name.rpartition("-")[2].partition(".")[2] or path.name for path in first)
    assert len(kinds) == 6
    different = [path.name for path, other in zip(first, second, strict=True) if not same(path, other)]
    assert different == []


def test_the_archives_hold_no_stray_files(builds: tuple[Path, Path]) -> None:
    for path in builds[1].iterdir():
        if path.suffix in (".whl", ".zip", ".mcpb"):
            names = zipfile.ZipFile(path).namelist()
        elif path.suffix == ".gz":
            with tarfile.open(path) as archive:
                names = archive.getnames()
        else:
            continue
        assert not [name for name in names if "__pycache__" in name or LOCK in name]
        assert any(name.endswith("server/hub.py") for name in names), path.name
        assert any(name.endswith("CHANGELOG.md") for name in names), path.name


def test_the_sbom_names_every_package_in_its_pinned_version(builds: tuple[Path, Path]) -> None:
    [path] = builds[0].glob("*.cdx.json")
    text = path.read_text(encoding="utf-8")
    bill: dict[str, Any] = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    versions = {each["name"]: each["version"] for each in bill["components"]}
    assert {"mcp", "nicegui", "xllamacpp", "pystray", "dbus-fast"} <= versions.keys()
    assert not {"pytest", "mypy", "ruff"} & versions.keys(), "development tools are not delivered"
    pinned = {name: {str(pin.specifier) for pin in PINS[name]} for name in versions.keys() & PINS.keys()}
    assert {name: versions[name] for name in pinned if f"=={versions[name]}" not in pinned[name]} == {}
    assert "://" not in text, "no address of an index"
    references = {each["ref"] for each in bill["dependencies"]}
    assert references == {each["bom-ref"] for each in (*bill["components"], bill["metadata"]["component"])}


def same(first: Path, second: Path) -> bool:
    return first.read_bytes() == second.read_bytes()
