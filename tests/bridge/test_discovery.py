"""Tests of hub discovery: the bridge finds the same folder as platformdirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from platformdirs import PlatformDirs
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from server.bridge.discovery import (
    APP_NAME,
    START_LOG,
    read_hub_file,
    read_token,
    state_folder,
    why_not_started,
)
from server.config.folders import find_folders

pytestmark = pytest.mark.fast


def test_the_folder_on_this_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN_SAVER_HOME", raising=False)
    assert state_folder() == PlatformDirs(APP_NAME, appauthor=False).user_state_dir
    assert state_folder() == str(find_folders({}).state)


@pytest.mark.skipif(os.name == "nt", reason="simulates other systems with POSIX paths")
@pytest.mark.parametrize("xdg", [None, "", "relative", "/some/where", "/some/where/"])
@pytest.mark.parametrize(("platform", "dirs"), [("linux", Unix), ("darwin", MacOS)])
def test_the_folder_on_linux_and_macos(
    monkeypatch: pytest.MonkeyPatch, platform: str, dirs: type[Unix] | type[MacOS], xdg: str | None
) -> None:
    monkeypatch.delenv("TOKEN_SAVER_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    if xdg is None:
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_STATE_HOME", xdg)
    expected = dirs(APP_NAME, appauthor=False).user_state_dir
    assert state_folder(platform=platform) == os.path.normpath(expected)


def test_the_folder_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    local = "C:\\Users\\someone\\AppData\\Local"
    monkeypatch.setenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", local)
    joined = Windows(APP_NAME, appauthor=False).user_state_dir.replace("/", "\\")
    assert state_folder({"LOCALAPPDATA": local}, "win32") == joined
    assert state_folder({"USERPROFILE": "C:\\Users\\someone"}, "win32") == joined


@pytest.mark.parametrize("home", ["/abs/home", "relative/home", "~/home"])
def test_token_saver_home_takes_precedence(home: str) -> None:
    environ = {"TOKEN_SAVER_HOME": home}
    assert state_folder(environ) == str(find_folders(environ).state)


def test_an_empty_folder_has_no_hub_and_no_token(tmp_path: Path) -> None:
    assert read_hub_file(str(tmp_path / "none")) is None
    assert read_token(str(tmp_path / "none")) == ""


def test_the_reason_of_a_failed_start_is_the_last_line_of_an_ended_hub(tmp_path: Path) -> None:
    (tmp_path / START_LOG).write_text("Claude Token Saver\n  Tray   no session bus\n\n")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as waits:
        assert why_not_started(str(tmp_path), waits) == "It did not answer in time."
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as ended:
        pass
    assert why_not_started(str(tmp_path), ended) == "Tray   no session bus"
    (tmp_path / START_LOG).unlink()
    assert why_not_started(str(tmp_path), ended) == "It ended with status 3."


def test_the_bridge_imports_little() -> None:
    """Every start of a client waits for the bridge; one careless import would dominate its start time."""
    heavy = "{'asyncio', 'pathlib', 'dataclasses', 'logging', 'typer', 'mcp', 'subprocess', 'pydantic'}"
    code = f"import sys; import server.bridge.main; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
