"""Tests of configuration changes: connect changes one entry, once; disconnect restores the bytes."""

import stat
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.clients import advice, config_change
from server.clients.config_files import CLIENTS, ClientName, Place, Surroundings, find_place
from server.common.errors import BadArguments
from server.config.folders import Folders, find_folders
from server.config.textedit.jsonc import parse
from tests.clients.configurations import CASES, broken, configuration

pytestmark = pytest.mark.fast
links = pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")


@pytest.fixture
def folders() -> Folders:
    found = find_folders()
    found.create()
    return found


def place_of(client: ClientName, home: Path, data: bytes | None = None) -> Place:
    """Return the place of a client whose user has this file, or none yet."""
    for folder in (
        ".claude",
        ".config/Claude",
        ".cursor",
        ".config/Code/User",
        ".codex",
        ".gemini",
        ".codeium/windsurf",
        ".config/zed",
        ".config/opencode",
        ".qwen",
    ):
        (home / folder).mkdir(parents=True, exist_ok=True)
    around = Surroundings(home=home, project=home, platform="linux", environ={})
    place = find_place(client, "user", ["/opt/token saver/token-saver-mcp"], around)
    if data is not None:
        place.path.write_bytes(data)
    return place


def read(place: Place) -> dict[str, Any]:
    text = place.path.read_bytes().decode()
    found: dict[str, Any] = tomllib.loads(text) if place.format == "toml" else parse(text).value
    return found


@pytest.mark.parametrize(("client", "name"), CASES)
def test_connect_and_disconnect(client: ClientName, name: str, tmp_path: Path, folders: Folders) -> None:
    data = configuration(client, name)
    place = place_of(client, tmp_path, data)
    before = read(place) if data else {}

    change = config_change.plan_connect(place)
    assert place.path.read_bytes() == data, "planning must not write"
    assert "+" in change.diff()
    backup = config_change.connect(change, folders)
    assert backup is not None
    after = read(place)
    assert after[place.keys[0]].pop("token-saver") == place.entry
    if place.keys[0] not in before:
        assert after.pop(place.keys[0]) == {}
    assert after == before
    assert config_change.connected(place) == place.entry

    again = config_change.plan_connect(place)
    assert not again.needed
    assert again.diff() == ""
    assert config_change.connect(again, folders) is None

    config_change.disconnect(config_change.plan_disconnect(place, folders), folders)
    assert place.path.read_bytes() == data
    assert not backup.exists()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_new_file_is_removed_on_disconnect(client: ClientName, tmp_path: Path, folders: Folders) -> None:
    place = place_of(client, tmp_path)
    config_change.connect(config_change.plan_connect(place), folders)
    assert read(place) == {place.keys[0]: {"token-saver": place.entry}}
    config_change.disconnect(config_change.plan_disconnect(place, folders), folders)
    assert not place.path.exists()
    assert place.path.parent.is_dir()


@pytest.mark.parametrize(("client", "name"), CASES)
def test_later_edits_stay(client: ClientName, name: str, tmp_path: Path, folders: Folders) -> None:
    place = place_of(client, tmp_path, configuration(client, name))
    config_change.connect(config_change.plan_connect(place), folders)
    comment = b"# later\n" if place.format == "toml" else b"\n// later\n"
    place.path.write_bytes(place.path.read_bytes() + comment)
    config_change.disconnect(config_change.plan_disconnect(place, folders), folders)
    assert place.path.read_bytes().endswith(comment)
    assert config_change.connected(place) is None


@pytest.mark.parametrize("client", CLIENTS)
def test_a_broken_file_is_refused_and_unchanged(client: ClientName, tmp_path: Path, folders: Folders) -> None:
    place = place_of(client, tmp_path)
    place.path.write_bytes(broken(place.format))
    for plan in (config_change.plan_connect, lambda place: config_change.plan_disconnect(place, folders)):
        with pytest.raises(BadArguments, match="cannot be edited") as caught:
            plan(place)
        assert str(place.path) in str(caught.value)
    assert place.path.read_bytes() == broken(place.format)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    place = place_of("cursor", tmp_path)
    place.path.write_bytes(b'{"a": "\xff\xfe"}')
    with pytest.raises(BadArguments, match="not UTF-8"):
        config_change.plan_connect(place)


def test_another_command_replaces_the_entry_and_keeps_what_the_user_added(
    tmp_path: Path, folders: Folders
) -> None:
    old = place_of("gemini", tmp_path, configuration("gemini", "2025.jsonc"))
    config_change.connect(config_change.plan_connect(old), folders)
    old.path.write_text(old.path.read_text().replace('"args": []', '"args": [],\n      "timeout": 60000'))
    assert not config_change.plan_connect(old).needed
    new = replace(old, entry={"command": "/new/token-saver-mcp", "args": []})
    config_change.connect(config_change.plan_connect(new), folders)
    assert config_change.connected(new) == {**new.entry, "timeout": 60000}


@pytest.mark.parametrize("client", ["cursor", "codex"])
def test_the_variables_that_the_user_added_stay_beside_ours(
    client: ClientName, tmp_path: Path, folders: Folders
) -> None:
    place = place_of(client, tmp_path)
    mine = replace(place, entry={**place.entry, "env": {"MINE": "1", "TOKEN_SAVER_HOME": "/old"}})
    config_change.connect(config_change.plan_connect(mine), folders)
    assert not config_change.plan_connect(place).needed
    ours = replace(place, entry={**place.entry, "env": {"TOKEN_SAVER_HOME": "/new"}})
    config_change.connect(config_change.plan_connect(ours), folders)
    entry = config_change.connected(place)
    assert entry is not None
    assert entry["env"] == {"MINE": "1", "TOKEN_SAVER_HOME": "/new"}
    assert not config_change.plan_connect(ours).needed


def test_connecting_again_keeps_the_first_backup(tmp_path: Path, folders: Folders) -> None:
    data = configuration("zed", "2025.jsonc")
    place = place_of("zed", tmp_path, data)
    config_change.connect(config_change.plan_connect(place), folders)
    moved = replace(place, entry={**place.entry, "command": "/moved"})
    config_change.connect(config_change.plan_connect(moved), folders)
    config_change.disconnect(config_change.plan_disconnect(moved, folders), folders)
    assert place.path.read_bytes() == data


@pytest.mark.parametrize(("client", "name"), CASES)
def test_connecting_after_an_edit_restores_no_old_entry(
    client: ClientName, name: str, tmp_path: Path, folders: Folders
) -> None:
    place = place_of(client, tmp_path, configuration(client, name))
    config_change.connect(config_change.plan_connect(place), folders)
    comment = b"# later\n" if place.format == "toml" else b"\n// later\n"
    place.path.write_bytes(place.path.read_bytes() + comment)
    moved = replace(place, entry={**place.entry, "command": "/moved"})
    config_change.connect(config_change.plan_connect(moved), folders)
    config_change.disconnect(config_change.plan_disconnect(moved, folders), folders)
    assert config_change.connected(moved) is None
    assert place.path.read_bytes().endswith(comment)


def test_disconnecting_an_unconnected_client_changes_nothing(tmp_path: Path, folders: Folders) -> None:
    data = configuration("cursor", "2025.json")
    place = place_of("cursor", tmp_path, data)
    change = config_change.plan_disconnect(place, folders)
    assert not change.needed
    config_change.disconnect(change, folders)
    assert place.path.read_bytes() == data
    gone = place_of("windsurf", tmp_path)
    config_change.disconnect(config_change.plan_disconnect(gone, folders), folders)
    assert not gone.path.exists()


def test_a_created_project_folder_is_removed_on_disconnect(tmp_path: Path, folders: Folders) -> None:
    around = Surroundings(home=tmp_path, project=tmp_path / "größer 1", platform="linux", environ={})
    around.project.mkdir()
    place = find_place("vscode", "project", ["/opt/x"], around)
    config_change.connect(config_change.plan_connect(place), folders)
    assert place.path.exists()
    config_change.disconnect(config_change.plan_disconnect(place, folders), folders)
    assert list(around.project.iterdir()) == []


@links
@pytest.mark.parametrize(
    ("client", "link"),
    [
        ("claude-code", ".mcp.json"),
        ("cursor", ".cursor"),
        ("cursor", ".cursor/mcp.json"),
        ("codex", ".codex/config.toml"),
        ("vscode", ".vscode"),
    ],
    ids=["file", "folder", "file-in-folder", "toml", "other-folder"],
)
@pytest.mark.parametrize("target", ["outside", ".git"], ids=["outside", "git"])
def test_a_link_of_the_repository_is_not_followed(
    client: ClientName, link: str, target: str, tmp_path: Path, folders: Folders
) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    outside = (tmp_path if target == "outside" else project) / target
    outside.mkdir(exist_ok=True)
    (outside / "file").write_text("")
    (project / link).parent.mkdir(exist_ok=True)
    (project / link).symlink_to(outside / "file" if "." in Path(link).name[1:] else outside)
    place = find_place(
        client, "project", ["/opt/x"], Surroundings(home=tmp_path, project=project, environ={})
    )
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    with pytest.raises(BadArguments, match="behind a symbolic link"):
        config_change.plan_connect(place)
    with pytest.raises(BadArguments, match="behind a symbolic link"):
        config_change.connect(config_change.ConfigChange(place, b"", b"{}"), folders)
    with pytest.raises(BadArguments, match="behind a symbolic link"):
        config_change.disconnect(config_change.ConfigChange(place, b"", None), folders)
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


@links
def test_a_link_inside_a_project_and_a_linked_project_are_followed(tmp_path: Path, folders: Folders) -> None:
    real, project = tmp_path / "real", tmp_path / "project"
    real.mkdir()
    project.symlink_to(real)
    (real / "AGENTS.md").write_text("Rules.\n")
    (real / "CLAUDE.md").symlink_to("AGENTS.md")
    around = Surroundings(home=tmp_path, project=project, environ={})
    [change] = advice.plan_on(["claude-md"], "project", around)
    config_change.connect(change, folders)
    assert (real / "CLAUDE.md").is_symlink()
    assert "token-saver" in (real / "AGENTS.md").read_text()
    [change] = advice.plan_off(["claude-md"], "project", folders, around)
    config_change.disconnect(change, folders)
    assert (real / "AGENTS.md").read_text() == "Rules.\n"


@links
def test_extras_do_not_follow_a_link_of_the_repository(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / "CLAUDE.md").symlink_to(outside / "authorized_keys")
    (project / ".claude").symlink_to(outside)
    around = Surroundings(home=tmp_path, project=project, environ={})
    for kind in advice.KINDS:
        with pytest.raises(BadArguments, match="behind a symbolic link"):
            advice.plan_on([kind], "project", around)
    assert list(outside.iterdir()) == []


@links
def test_a_dangling_link_of_the_user_is_as_before_after_disconnect(tmp_path: Path, folders: Folders) -> None:
    place = place_of("cursor", tmp_path)
    real = tmp_path / "dotfiles.json"
    place.path.symlink_to(real)
    config_change.connect(config_change.plan_connect(place), folders)
    assert "token-saver" in real.read_text()
    config_change.disconnect(config_change.plan_disconnect(place, folders), folders)
    assert place.path.is_symlink()
    assert not real.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_modes_and_links_stay_and_the_backup_is_private(tmp_path: Path, folders: Folders) -> None:
    place = place_of("cursor", tmp_path)
    real = tmp_path / "dotfiles.json"
    real.write_bytes(configuration("cursor", "2025.json"))
    real.chmod(0o640)
    place.path.symlink_to(real)
    backup = config_change.connect(config_change.plan_connect(place), folders)
    assert backup is not None
    assert place.path.is_symlink()
    assert "token-saver" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
