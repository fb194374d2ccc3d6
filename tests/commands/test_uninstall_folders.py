"""Tests that ``token-saver uninstall`` removes what the app made, and nothing else."""

import json
import sys
from pathlib import Path

import pytest

from server.bridge.own_folders import RECORD, MadeFolders, make_folder
from server.common.atomic_write import replace_file
from server.config.folders import find_folders
from server.digests.kept import KeptTexts
from server.offload.delivery.rescue_copies import RescueCopies
from tests.commands.test_connect import run
from tests.hub_process import start_hub

FOREIGN = {
    "dashboard/notes.txt": b"notes\r\n",
    "dashboard/deep/er/a": b"",
    "cache/x": b"\0\1",
    "cache/texts/mine.txt": b"a text of mine",
    "clients/y": b"y",
    "kept/z": b"z",
    "models/mine.gguf": b"GGUF",
    "config.toml": b"# settings of another program\n",
    "history.db.old": b"SQLite format 3\0",
    "token-saver.log.mine": b"a log",
    "src/a.py": b"print()\n",
}
EVERYTHING = ("--history", "--weights", "--settings")
links = pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def files_in(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def use(home: Path) -> None:
    """Use the app in this home, in the ways that create folders and files there."""
    with start_hub(home):
        pass
    folders = find_folders({"TOKEN_SAVER_HOME": str(home)})
    with KeptTexts(folders.kept_texts).writing(home) as text:
        text.write(b"a kept text")
    RescueCopies(folders.rescue_copies, 30).save("a.py", b"rescued")
    make_folder(folders.models)
    (folders.models / "a.gguf").write_bytes(b"weights")
    make_folder(folders.state / "clients")
    replace_file(folders.state / "clients" / "cursor-0123456789ab.json", b"{}")
    replace_file(folders.prices_file, b"# prices\n")


def uninstall(home: Path, tmp_path: Path, *extent: str) -> str:
    """Run the command for a user who has no clients."""
    user = tmp_path / "user"
    user.mkdir(exist_ok=True)
    done = run(user, "uninstall", *extent, TOKEN_SAVER_HOME=str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the user's own files, chosen as the app's home."""
    home = tmp_path / "shared"
    fill(home, FOREIGN)
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home))
    return home


def test_a_shared_folder_keeps_every_byte_that_is_not_the_apps(shared: Path, tmp_path: Path) -> None:
    use(shared)
    assert files_in(shared).keys() > FOREIGN.keys()
    uninstall(shared, tmp_path, *EVERYTHING)
    left = files_in(shared)
    assert {name: left.get(name) for name in FOREIGN} == FOREIGN
    # The app cannot tell its own files from others in folders that it did not make.
    unsure = {name for name in left if name.startswith(("cache/texts/", "kept/", "models/", "clients/"))}
    assert left.keys() - FOREIGN.keys() <= unsure | {"output.log", RECORD}


def test_a_folder_that_the_app_never_used_stays_as_it_is(shared: Path, tmp_path: Path) -> None:
    fill(shared, {"token": b"mine", "hub.json": b"{}", "policy.yaml": b"", "history.db": b""})
    before = files_in(shared)
    uninstall(shared, tmp_path, *EVERYTHING)
    assert files_in(shared) == before


def test_a_home_that_the_app_made_disappears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "made" / "home"
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home))
    find_folders().create()
    use(home)
    (home / "output.log").unlink()
    shown = uninstall(home, tmp_path)
    left = {path.name for path in home.iterdir()}
    assert {"history.db", "kept", "models", "prices.toml", RECORD} <= left
    assert not left & {"token", "hub.lock", "clients", "cache", "token-saver.log"}
    assert "add --history" in shown
    uninstall(home, tmp_path, *EVERYTHING)
    assert not home.exists()
    assert (tmp_path / "made").is_dir()


def test_folders_added_to_an_empty_home_by_the_user_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home))
    find_folders().create()
    fill(home, {"dashboard/notes.txt": b"notes", "kept/z": b"z"})
    shown = uninstall(home, tmp_path, *EVERYTHING)
    assert files_in(home) == {"dashboard/notes.txt": b"notes", "kept/z": b"z"}
    assert f"left: {home / 'dashboard'} (not made by this app" in shown


def test_a_folder_that_replaced_the_apps_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home))
    find_folders().create()
    (home / "cache").rename(home / "former")
    fill(home, {"cache/mine": b"mine"})
    assert not MadeFolders(home).contains(home / "cache")
    uninstall(home, tmp_path, *EVERYTHING)
    assert files_in(home)["cache/mine"] == b"mine"


def test_a_record_from_elsewhere_is_not_believed(shared: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    lines = [{"home": other.parent.stat().st_ino}, {"made": [(shared / "cache").stat().st_ino, "cache"]}]
    (shared / RECORD).write_text("".join(json.dumps(line) + "\n" for line in lines))
    uninstall(shared, tmp_path, *EVERYTHING)
    left = files_in(shared)
    assert {name: left.get(name) for name in FOREIGN} == FOREIGN


@pytest.mark.skipif(sys.platform != "linux", reason="the default folders are those of Linux here")
def test_default_folders_from_before_the_record_are_removed_whole(tmp_path: Path) -> None:
    user = tmp_path / "user"
    config, data = user / ".config/token-saver", user / ".local/share/token-saver"
    state, cache = user / ".local/state/token-saver", user / ".cache/token-saver"
    fill(state, {"dashboard/a": b"", "clients/b": b"", "token": b"", "hub.lock": b""})
    fill(cache, {"texts/0.txt": b"", "any/thing": b""})
    fill(data, {"history.db": b"", "kept/a": b"", "models/a.gguf": b""})
    fill(config, {"config.toml": b""})
    done = run(user, "uninstall", *EVERYTHING, TOKEN_SAVER_HOME="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [folder for folder in (config, data, state, cache) if folder.exists()] == []


@links
def test_links_in_the_home_are_neither_followed_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home))
    find_folders().create()
    fill(outside, FOREIGN)
    for name in ("dashboard", "clients", "kept", "models", "config.toml"):
        (home / name).symlink_to(outside / name)
    (home / "cache" / "link").symlink_to(outside / "cache")
    (home / "cache" / "x").symlink_to(outside / "cache" / "x")
    uninstall(home, tmp_path, *EVERYTHING)
    assert files_in(outside) == FOREIGN
    assert not (home / "cache").exists()
    assert (home / "config.toml").readlink() == outside / "config.toml"


@links
def test_a_home_behind_a_link_is_cleaned_and_the_link_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    fill(real, {"src/a.py": b"", "dashboard/notes.txt": b"notes"})
    link.symlink_to(real)
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(link))
    use(link)
    uninstall(link, tmp_path, *EVERYTHING)
    assert files_in(real).keys() == {"src/a.py", "dashboard/notes.txt", "output.log"}
    assert link.is_symlink()


@links
@pytest.mark.skipif(sys.platform != "linux", reason="the default folders are those of Linux here")
def test_a_default_cache_behind_a_link_loses_the_apps_own_folders_only(tmp_path: Path) -> None:
    user, disk = tmp_path / "user", tmp_path / "disk"
    fill(disk, {"texts/0.txt": b"kept", "mine": b"mine"})
    (user / ".cache").mkdir(parents=True)
    (user / ".cache/token-saver").symlink_to(disk)
    done = run(user, "uninstall", TOKEN_SAVER_HOME="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert files_in(disk) == {"mine": b"mine"}
    assert (user / ".cache/token-saver").is_symlink()
