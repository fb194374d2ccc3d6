"""Tests of the locations of clients' files on every system, with simulated folders."""

from pathlib import Path

import pytest

from server.clients.config_files import (
    CLIENTS,
    ClientName,
    Scope,
    Surroundings,
    command_of,
    find_place,
    variables_of,
)
from server.common.errors import BadArguments, NotFound

pytestmark = pytest.mark.fast

COMMAND = ["/opt/app/token-saver-mcp"]


def around(home: Path, platform: str = "linux", **environ: str) -> Surroundings:
    return Surroundings(home=home, project=home / "project", platform=platform, environ=environ)


@pytest.mark.parametrize(
    ("client", "platform", "path"),
    [
        ("claude-code", "linux", ".claude.json"),
        ("claude-desktop", "linux", ".config/Claude/claude_desktop_config.json"),
        ("claude-desktop", "darwin", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("cursor", "linux", ".cursor/mcp.json"),
        ("cursor", "win32", ".cursor/mcp.json"),
        ("vscode", "linux", ".config/Code/User/mcp.json"),
        ("vscode", "darwin", "Library/Application Support/Code/User/mcp.json"),
        ("vscode", "win32", "AppData/Roaming/Code/User/mcp.json"),
        ("codex", "linux", ".codex/config.toml"),
        ("gemini", "darwin", ".gemini/settings.json"),
        ("windsurf", "win32", ".codeium/windsurf/mcp_config.json"),
        ("zed", "linux", ".config/zed/settings.json"),
        ("zed", "darwin", ".config/zed/settings.json"),
        ("zed", "win32", "AppData/Roaming/Zed/settings.json"),
        ("opencode", "linux", ".config/opencode/opencode.json"),
        ("opencode", "win32", ".config/opencode/opencode.json"),
        ("qwen-code", "linux", ".qwen/settings.json"),
    ],
)
def test_the_users_file(client: ClientName, platform: str, path: str, tmp_path: Path) -> None:
    here = around(tmp_path, platform)
    with pytest.raises(NotFound, match="was not found"):
        find_place(client, "user", COMMAND, here)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / ".claude").mkdir()
    assert find_place(client, "user", COMMAND, here).path == tmp_path / path


@pytest.mark.parametrize(
    ("client", "path"),
    [
        ("claude-code", ".mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("vscode", ".vscode/mcp.json"),
        ("codex", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
        ("zed", ".zed/settings.json"),
        ("opencode", "opencode.json"),
        ("qwen-code", ".qwen/settings.json"),
    ],
)
def test_a_projects_file_need_not_exist(client: ClientName, path: str, tmp_path: Path) -> None:
    place = find_place(client, "project", COMMAND, around(tmp_path))
    assert place.path == tmp_path / "project" / path


@pytest.mark.parametrize("client", ["claude-desktop", "windsurf"])
def test_a_client_without_project_servers_says_so(client: ClientName, tmp_path: Path) -> None:
    with pytest.raises(BadArguments, match="does not support servers for a single project"):
        find_place(client, "project", COMMAND, around(tmp_path))


def test_variables_move_the_files(tmp_path: Path) -> None:
    here = around(
        tmp_path,
        CODEX_HOME=str(tmp_path / "cx"),
        CLAUDE_CONFIG_DIR=str(tmp_path / "cc"),
        XDG_CONFIG_HOME=str(tmp_path / "xdg"),
    )
    for folder in ("cx", "cc", "xdg/zed", "xdg/Claude"):
        (tmp_path / folder).mkdir(parents=True)
    assert find_place("codex", "user", COMMAND, here).path == tmp_path / "cx" / "config.toml"
    assert find_place("claude-code", "user", COMMAND, here).path == tmp_path / "cc" / ".claude.json"
    assert find_place("zed", "user", COMMAND, here).path == tmp_path / "xdg" / "zed" / "settings.json"
    assert find_place("claude-desktop", "user", COMMAND, here).path.parent == tmp_path / "xdg" / "Claude"


def test_windows_variables_move_the_files(tmp_path: Path) -> None:
    roaming = tmp_path / "redirected" / "Roaming"
    (roaming / "Claude").mkdir(parents=True)
    here = around(tmp_path, "win32", APPDATA=str(roaming))
    assert find_place("claude-desktop", "user", COMMAND, here).path.parent == roaming / "Claude"


def test_a_packaged_claude_desktop_uses_another_file(tmp_path: Path) -> None:
    packages = tmp_path / "AppData" / "Local" / "Packages"
    packaged = packages / "Claude_pzs8sxrjxfjjc" / "LocalCache" / "Roaming" / "Claude"
    packaged.mkdir(parents=True)
    (tmp_path / "AppData" / "Roaming" / "Claude").mkdir(parents=True)
    here = around(tmp_path, "win32")
    assert find_place("claude-desktop", "user", COMMAND, here).path.parent == packaged
    # With two packages, the one with a configuration is in use.
    other = packages / "Claude_zz" / "LocalCache" / "Roaming" / "Claude"
    other.mkdir(parents=True)
    (other / "claude_desktop_config.json").write_text("{}")
    assert find_place("claude-desktop", "user", COMMAND, here).path.parent == other


@pytest.mark.parametrize("client", CLIENTS)
def test_an_entry_names_the_whole_command(client: ClientName, tmp_path: Path) -> None:
    if client in ("claude-desktop", "windsurf"):
        (tmp_path / ".config" / "Claude").mkdir(parents=True)
        (tmp_path / ".codeium" / "windsurf").mkdir(parents=True)
        place = find_place(client, "user", ["/opt/x", "-y"], around(tmp_path))
    else:
        place = find_place(client, "project", ["/opt/x", "-y"], around(tmp_path))
    assert command_of(place.entry) == ["/opt/x", "-y"]
    assert place.keys[-1] == "token-saver"
    assert variables_of(place.entry) == {}


@pytest.mark.parametrize("client", CLIENTS)
def test_an_entry_passes_on_the_apps_folder(
    client: ClientName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (".claude", ".cursor", ".codex", ".gemini", ".codeium/windsurf", ".config/zed", ".qwen"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in (".config/Claude", ".config/Code/User", ".config/opencode"):
        (tmp_path / folder).mkdir(parents=True)
    place = find_place(client, "user", COMMAND, around(tmp_path, TOKEN_SAVER_HOME="my files"))
    assert variables_of(place.entry) == {"TOKEN_SAVER_HOME": str(tmp_path / "my files")}


@pytest.mark.parametrize("scope", ["user", "project"])
def test_opencodes_file_with_comments_comes_first(scope: Scope, tmp_path: Path) -> None:
    folder = tmp_path / (".config/opencode" if scope == "user" else "project")
    folder.mkdir(parents=True)
    (folder / "opencode.json").write_text("{}")
    assert find_place("opencode", scope, COMMAND, around(tmp_path)).path.name == "opencode.json"
    (folder / "opencode.jsonc").write_text("{}")
    assert find_place("opencode", scope, COMMAND, around(tmp_path)).path.name == "opencode.jsonc"


@pytest.mark.parametrize(
    "entry",
    [None, {}, {"url": "http://x"}, {"command": 5}, {"command": [], "args": ["-y"]}],
    ids=["nothing", "empty", "address", "number", "empty-list"],
)
def test_an_entry_without_a_program_has_no_command(entry: object) -> None:
    assert command_of(entry) == []
