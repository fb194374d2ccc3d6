"""Tests of the switches: their edits, their undo in any order, files that others edited."""

import json
import sys
from pathlib import Path

import pytest

from server.claude_context.changes import Applied, applied, apply, plan, undo
from server.claude_context.switches import MEMORY_LINES, ClaudeFolders, Scope
from server.common.errors import BadArguments, NotFound
from server.config.folders import Folders

pytestmark = pytest.mark.fast

BEFORE = b'{\r\n   // mine\r\n   "permissions": {"deny": ["Bash(rm:*)"]},\r\n   "hooks": {"Stop": []}\r\n}'


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeFolders:
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    (tmp_path / "claude").mkdir()
    return ClaudeFolders(tmp_path / "claude", tmp_path / "claude.json", project)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(*(tmp_path / name for name in ("config", "data", "state", "cache")))


@pytest.mark.parametrize(
    ("part", "keys", "value"),
    [
        ("skill:a", ("skillOverrides",), {"a": "off"}),
        ("agent:kit:b", ("permissions", "deny"), ["Agent(kit:b)"]),
        ("mcp:my_docs", ("deniedMcpServers",), [{"serverName": "my docs"}]),
        ("mcp:plugin_kit_db", ("deniedMcpServers",), [{"serverName": "plugin:kit:db"}]),
        ("plugin:kit", ("enabledPlugins",), {"kit@market": False}),
        ("memory:/p/CLAUDE.md", ("claudeMdExcludes",), ["/p/CLAUDE.md"]),
    ],
    ids=["skill", "agent", "mcp-server", "plugin-mcp-server", "plugin", "memory"],
)
@pytest.mark.parametrize("scope", ["project", "user"])
def test_each_kind_has_its_setting(
    claude: ClaudeFolders,
    folders: Folders,
    *,
    scope: Scope,
    part: str,
    keys: tuple[str, ...],
    value: object,
) -> None:
    claude.state.write_text('{"mcpServers": {"my docs": {}}}')
    (claude.config / "settings.json").write_text('{"enabledPlugins": {"kit@market": true}}')
    before = claude.settings(scope).read_bytes() if claude.settings(scope).exists() else None
    change = plan(part, scope, claude)
    assert str(claude.settings(scope)) in change.diff()
    apply(change, folders)
    found = json.loads(claude.settings(scope).read_text())
    for key in keys:
        found = found[key]
    assert found == value
    assert plan(part, scope, claude).diff() == ""
    undo(Applied(part, scope, str(claude.project)), folders, claude)
    after = claude.settings(scope).read_bytes() if claude.settings(scope).exists() else None
    assert after == before


@pytest.mark.parametrize("scope", ["project", "user"])
@pytest.mark.parametrize("before", [None, b"# Mine", b"# Mine\n"], ids=["no-file", "no-line-end", "line-end"])
def test_a_remedy_is_a_line_that_is_undone_to_the_byte(
    claude: ClaudeFolders, folders: Folders, scope: Scope, before: bytes | None
) -> None:
    path = claude.memory(scope)
    if before is not None:
        path.write_bytes(before)
    change = plan("habit:git", scope, claude)
    assert f"+{MEMORY_LINES['git']}" in change.diff()
    apply(change, folders)
    assert path.read_text().splitlines()[-1] == MEMORY_LINES["git"]
    assert plan("habit:git", scope, claude).diff() == ""
    undo(Applied("habit:git", scope, str(claude.project)), folders, claude)
    assert (path.read_bytes() if path.exists() else None) == before


def test_the_remedy_of_cold_caches_is_a_setting_of_the_client(
    claude: ClaudeFolders, folders: Folders
) -> None:
    path = claude.settings("user")
    path.write_text('{"idleCompaction": false}')
    apply(plan("habit:idle", "user", claude), folders)
    assert json.loads(path.read_text()) == {"idleCompaction": True}
    undo(Applied("habit:idle", "user", str(claude.project)), folders, claude)
    assert path.read_text() == '{"idleCompaction": false}'


def test_the_remedy_of_large_results_is_the_digest_hook(claude: ClaudeFolders, folders: Folders) -> None:
    path = claude.settings("project")
    path.write_bytes(BEFORE)
    apply(plan("habit:digests", "project", claude), folders)
    assert "server.digest_hook" in path.read_text()
    undo(Applied("habit:digests", "project", str(claude.project)), folders, claude)
    assert path.read_bytes() == BEFORE
    with pytest.raises(NotFound):
        plan("habit:unknown", "project", claude)


def test_switches_of_one_file_are_undone_in_any_order(claude: ClaudeFolders, folders: Folders) -> None:
    path = claude.settings("project")
    path.write_bytes(BEFORE)
    for part in ("skill:a", "agent:b", "hook:Stop", "memory:/m"):
        apply(plan(part, "project", claude), folders)
    assert b"// mine" in path.read_bytes()
    off = list(applied(folders))
    undo(off[1], folders, claude)
    text = path.read_text()
    assert "Agent(b)" not in text
    assert '"a"' in text
    assert '"Stop"' not in text
    for each in (off[3], off[0], off[2]):
        undo(each, folders, claude)
    assert path.read_bytes() == BEFORE


def test_a_file_that_was_edited_meanwhile_is_left_alone(claude: ClaudeFolders, folders: Folders) -> None:
    path = claude.settings("project")
    apply(plan("skill:a", "project", claude), folders)
    path.write_text(path.read_text() + "\n")
    [done] = applied(folders)
    with pytest.raises(BadArguments, match="skillOverrides"):
        undo(done, folders, claude)
    assert applied(folders) == (done,)


def test_what_has_no_switch_is_said(claude: ClaudeFolders, folders: Folders) -> None:
    for part in ("client:system prompt", "hook:Stop", "plugin:unknown", "nonsense"):
        with pytest.raises(NotFound):
            plan(part, "user", claude)
    with pytest.raises(NotFound):
        undo(Applied("skill:a", "user", ""), folders, claude)


def test_a_broken_file_is_not_touched(claude: ClaudeFolders) -> None:
    path = claude.settings("user")
    path.write_text("{broken")
    with pytest.raises(BadArguments, match="not valid JSON"):
        plan("skill:a", "user", claude)
    assert path.read_text() == "{broken"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")
def test_a_link_of_the_repository_is_not_followed(
    claude: ClaudeFolders, folders: Folders, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    change = plan("skill:a", "project", claude)
    apply(change, folders)
    [done] = applied(folders)
    claude.settings("project").rename(outside / "settings.local.json")
    claude.settings("project").parent.rmdir()
    claude.settings("project").parent.symlink_to(outside)
    before = (outside / "settings.local.json").read_bytes()
    with pytest.raises(BadArguments, match="behind a symbolic link"):
        plan("skill:b", "project", claude)
    with pytest.raises(BadArguments, match="behind a symbolic link"):
        apply(change, folders)
    with pytest.raises(BadArguments, match="behind a symbolic link"):
        undo(done, folders, claude)
    assert (outside / "settings.local.json").read_bytes() == before
    assert applied(folders) == (done,)
