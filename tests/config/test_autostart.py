"""Start at login: the entry that the system reads, and its clean removal."""

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.config.autostart import (
    DesktopEntry,
    LaunchAgent,
    RunKey,
    find_autostart,
    icon_file,
    start_command,
    windows_command_line,
)

pytestmark = pytest.mark.fast

COMMAND = ("/opt/python", "-P", "-m", "tray.main", "--background")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_switching_on_and_off_leaves_no_file(platform: str, tmp_path: Path) -> None:
    autostart = find_autostart(platform, {}, tmp_path)
    assert not autostart.enabled()
    autostart.disable()
    autostart.enable()
    autostart.enable()
    assert autostart.enabled()
    autostart.disable()
    assert not autostart.enabled()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_linux_uses_the_users_config_folder(tmp_path: Path) -> None:
    set_by_user = find_autostart("linux", {"XDG_CONFIG_HOME": str(tmp_path / "conf")}, tmp_path / "home")
    assert isinstance(set_by_user, DesktopEntry)
    assert set_by_user.path == tmp_path / "conf" / "autostart" / "token-saver.desktop"
    relative = find_autostart("linux", {"XDG_CONFIG_HOME": "conf"}, tmp_path)
    assert isinstance(relative, DesktopEntry)
    assert relative.path == tmp_path / ".config" / "autostart" / "token-saver.desktop"


def test_desktop_entry_contains_the_command_and_the_icon(tmp_path: Path) -> None:
    entry = DesktopEntry(tmp_path / "token-saver.desktop", COMMAND)
    entry.enable()
    lines = entry.path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "[Desktop Entry]"
    assert "Exec=/opt/python -P -m tray.main --background" in lines
    assert f"Icon={icon_file()}" in lines
    assert icon_file().is_file()


@pytest.mark.parametrize(
    ("part", "written"),
    [
        ("/home/Jörg Müller/python", '"/home/Jörg Müller/python"'),
        ("/opt/100%/python", '"/opt/100%%/python"'),
        ("/opt/a$b", '"/opt/a\\\\$b"'),
        ('/opt/a"b', '"/opt/a\\\\"b"'),
        ("/opt/a\\b", '"/opt/a\\\\\\\\b"'),
    ],
    ids=["space", "percent", "dollar", "quote", "backslash"],
)
def test_special_characters_in_the_path_are_quoted(tmp_path: Path, part: str, written: str) -> None:
    entry = DesktopEntry(tmp_path / "token-saver.desktop", (part, "--background"))
    entry.enable()
    assert f"Exec={written} --background\n" in entry.path.read_text(encoding="utf-8")


def test_entry_hidden_by_the_desktop_counts_as_off(tmp_path: Path) -> None:
    entry = DesktopEntry(tmp_path / "token-saver.desktop", COMMAND)
    entry.enable()
    entry.path.write_text(entry.path.read_text(encoding="utf-8") + "Hidden=true\n", encoding="utf-8")
    assert not entry.enabled()


def test_launchd_gets_the_command_as_a_list(tmp_path: Path) -> None:
    agent = find_autostart("darwin", {}, tmp_path)
    assert isinstance(agent, LaunchAgent)
    agent.enable()
    assert agent.path.parent == tmp_path / "Library" / "LaunchAgents"
    properties = plistlib.loads(agent.path.read_bytes())
    assert properties["ProgramArguments"] == list(start_command("darwin", {}))
    assert properties["RunAtLoad"] is True
    assert properties["Label"] == agent.path.stem


def test_windows_command_line_quotes_spaces() -> None:
    line = windows_command_line((r"C:\Program Files\Python\pythonw.exe", "-m", "tray.main"))
    assert line == r'"C:\Program Files\Python\pythonw.exe" -m tray.main'
    assert isinstance(find_autostart("win32"), RunKey)


@pytest.mark.skipif(sys.platform != "win32", reason="the registry exists on Windows only")
def test_the_run_key_on_windows() -> None:
    autostart = RunKey(COMMAND)
    assert not autostart.enabled()
    autostart.enable()
    assert autostart.enabled()
    autostart.disable()
    assert not autostart.enabled()


def test_the_command_starts_this_app() -> None:
    python, *arguments = start_command(environ={})
    assert Path(python).is_absolute()
    assert shutil.which(python)
    done = subprocess.run(
        [python, *arguments[:-1], "--version"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.startswith("token-saver ")


def test_entry_keeps_the_home_folder_of_the_session_that_enabled_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = find_autostart("linux", {"TOKEN_SAVER_HOME": "my files"}, tmp_path)
    assert isinstance(entry, DesktopEntry)
    (tmp_path / "my files").mkdir()
    (tmp_path / "my files" / "config.toml").write_text("no TOML")
    bare = {"PATH": os.defpath, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    done = subprocess.run(
        entry.command, capture_output=True, text=True, check=False, cwd="/", env=bare, timeout=60
    )
    assert str(tmp_path / "my files" / "config.toml") in done.stderr
