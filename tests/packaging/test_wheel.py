"""The wheel, installed into an empty environment: it is the whole app with commands, hub and bridge."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from server.bridge.discovery import find_running
from tests.bridge_client import RawClient
from tests.packaging.compiled_modules import lend_compiled
from tests.system import require

ROOT = Path(__file__).parent.parent.parent
BIN = "Scripts" if sys.platform == "win32" else "bin"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def uv(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["uv", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("uv")
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--wheel", "--out-dir", folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and its dependencies, in this environment's versions."""
    folder = tmp_path_factory.mktemp("größer home") / "environment"
    constraints = folder.with_name("constraints.txt")
    constraints.write_text(uv("pip", "freeze", "--python", sys.executable, "--exclude-editable"))
    uv("venv", "--quiet", "--python", sys.executable, folder)
    uv("pip", "install", "--quiet", "--python", folder, "--constraints", constraints, wheel)
    lend_compiled(folder)
    return folder / BIN


def environ(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "TMP") if name in os.environ}
    return {
        **kept,
        "PATH": os.defpath,
        "HOME": str(home),
        "TOKEN_SAVER_HOME": str(home),
        "TOKEN_SAVER_PORT": "0",
        "TOKEN_SAVER_BACKEND__KIND": "ollama",
        "TOKEN_SAVER_BACKEND__URL": "http://127.0.0.1:9",
    }


def test_it_contains_every_file_of_the_packages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("server", "tray", "dashboard", "assets"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names
    others = {name.split("/")[0] for name in names} - {"server", "tray", "dashboard", "assets"}
    assert [name.endswith(".dist-info") for name in others] == [True], others
    assert wheel.stat().st_size < 2_000_000


def test_every_command_exists_and_prints_its_version(installed: Path) -> None:
    for name in PROJECT["scripts"]:
        assert shutil.which(name, path=str(installed)), name
    done = subprocess.run(
        [installed / "token-saver", "--version"], env={}, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == f"token-saver {PROJECT['version']}\n"


def test_the_doctor_finds_a_complete_app(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "token-saver", "doctor", "--json", "--no-offload"],
        env=environ(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    # Only the engine is missing: the environment names a dead address.
    assert [name for name, finding in findings.items() if finding["level"] == "error"] == ["engine"]
    assert str(installed) in findings["python"]["text"]
    assert (done.returncode, done.stderr) == (1, "")


def test_the_bridge_starts_the_hub_and_lists_the_tools(installed: Path, tmp_path: Path) -> None:
    bridge = [str(installed / PROJECT["name"])]
    with RawClient(environ(tmp_path), tmp_path, bridge) as client:
        answer = client.initialize()
        assert answer["result"]["serverInfo"]["version"] == PROJECT["version"]
        tools = client.request("tools/list")["result"]["tools"]
        assert "offload_work" in {tool["name"] for tool in tools}
    hub = find_running(str(tmp_path))
    assert hub is not None
    os.kill(hub.pid, 15)
