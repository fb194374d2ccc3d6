"""Atomic replacement of the user's files: through links, and never readable by others meanwhile."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from server.common.atomic_write import replace_file
from server.common.errors import SettingsError
from server.config.folders import find_folders
from server.config.settings_file import set_setting

pytestmark = pytest.mark.fast

modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")

# Reports the draft's mode before and after it is made final. An audit hook cannot be removed, so this runs
# in its own process.
WATCH = """
import os, sys
from pathlib import Path
os.umask(0o022)
drafts = []
def watch(event, arguments):
    if event in ("os.chmod", "os.rename") and str(arguments[0]).endswith(".new"):
        drafts.append(os.stat(arguments[0]).st_mode & 0o777)
sys.addaudithook(watch)
from server.common.atomic_write import replace_file
replace_file(Path(sys.argv[1]), b"secret")
print(*drafts)
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@modes
@pytest.mark.parametrize("mode", [0o600, 0o640], ids=["private", "group-readable"])
def test_draft_is_private_until_it_has_the_files_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "clients.json"
    path.write_text("{}")
    path.chmod(mode)
    done = subprocess.run(
        [sys.executable, "-P", "-c", WATCH, str(path)], check=True, capture_output=True, text=True
    )
    first, *_, last = map(int, done.stdout.split())
    assert (first, last, mode_of(path)) == (0o600, mode, mode)
    assert path.read_bytes() == b"secret"


@modes
def test_new_file_is_private_unless_a_mode_allows_sharing(tmp_path: Path) -> None:
    replace_file(tmp_path / "private", b"1")
    assert mode_of(tmp_path / "private") == 0o600
    (tmp_path / "usual").touch()
    replace_file(tmp_path / "shared", b"1", new_mode=0o666)
    assert mode_of(tmp_path / "shared") == mode_of(tmp_path / "usual")
    (tmp_path / "shared").chmod(0o644)
    replace_file(tmp_path / "shared", b"2", mode=0o600)
    assert mode_of(tmp_path / "shared") == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")
@pytest.mark.parametrize("there", [True, False], ids=["existing-target", "missing-target"])
def test_symbolic_link_stays_a_link(tmp_path: Path, there: bool) -> None:
    real, link = tmp_path / "dotfiles" / "config", tmp_path / "config"
    real.parent.mkdir()
    if there:
        real.write_text("old")
    link.symlink_to(real)
    replace_file(link, b"new\r\n")
    assert link.is_symlink()
    assert real.read_bytes() == b"new\r\n"
    assert list(real.parent.iterdir()) == [real]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")
def test_link_loop_raises_an_error_that_names_links(tmp_path: Path) -> None:
    folders = find_folders()
    folders.create()
    folders.config_file.symlink_to(folders.config_file)
    with pytest.raises(SettingsError, match="links"):
        set_setting(folders, "tray", "notify_batch", False)
    assert [path.name for path in folders.config.glob("*.toml*")] == ["config.toml"]


def test_failed_write_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    with pytest.raises(OSError):  # noqa: PT011 - which one differs between systems
        replace_file(tmp_path / "folder", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@modes
def test_settings_file_keeps_link_and_mode_and_is_created_private(tmp_path: Path) -> None:
    folders = find_folders()
    set_setting(folders, "backend", "api_key", "secret")
    assert mode_of(folders.config_file) == 0o600
    real = tmp_path / "dotfiles.toml"
    folders.config_file.rename(real)
    real.chmod(0o640)
    folders.config_file.symlink_to(real)
    set_setting(folders, "tray", "notify_batch", False)
    assert folders.config_file.is_symlink()
    assert mode_of(real) == 0o640
    assert "secret" in real.read_text()
    assert "notify_batch = false" in real.read_text()
