"""Tests of files that are never read or written: Claude Code's ``permissions.deny`` and ``[paths]``."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from server.common.errors import PathProtected
from server.config.folders import find_folders
from server.config.sections import BackendSettings, PathsSettings
from server.config.settings import Settings
from server.offload.files.workspace import Workspace, confine_target, expand, open_workspace
from server.offload.values import Caller
from server.policy.files.never import MANAGED
from server.tools.mcp_server import build_mcp
from tests.hub_in_process import running_hub
from tests.mcp_clients import text_of
from tests.standins.ollama import OllamaStandIn


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "home" / ".claude"))
    project = tmp_path / "home" / "project"
    names = ("a.py", "secrets/a.txt", "sub/secrets/b.txt", "private.md", "sub/private.md")
    for name in (*names, "a:b.txt", "dotted.", "caf\u00e9.txt"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("text\n")
    (project / "link").symlink_to("secrets")
    (project / "other.md").symlink_to("private.md")
    return project


def deny(settings: Path, *rules: str) -> None:
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"permissions": {"deny": list(rules)}}))


def workspace_of(project: Path, client: str = "claude-code", **paths: Any) -> Workspace:
    caller = Caller(client, "s", project, (project,))
    return open_workspace(caller, Settings(paths=PathsSettings(**paths)), find_folders())


def readable(workspace: Workspace, name: str) -> bool:
    try:
        workspace.confine_to_read(name)
    except PathProtected:
        return False
    return True


def writable(workspace: Workspace, name: str) -> bool:
    try:
        confine_target(workspace, name)
    except PathProtected:
        return False
    return True


@pytest.mark.parametrize("place", ["user", "project", "local"])
@pytest.mark.parametrize(
    ("rule", "denied", "free"),
    [
        ("Read(./secrets/**)", ["secrets/a.txt", "link/a.txt", "SECRETS/a.txt"], ["sub/secrets/b.txt"]),
        ("Read(secrets/**)", ["secrets/a.txt", "./link/../secrets/a.txt"], ["a.py"]),
        ("Read(private.md)", ["private.md", "sub/private.md", "other.md"], ["a.py"]),
        ("Read(~/project/secrets/*)", ["secrets/a.txt"], ["a.py"]),
        ("Read(**/secrets/**)", ["secrets/a.txt", "sub/secrets/b.txt"], ["private.md"]),
        ("Read", ["a.py", "secrets/a.txt"], []),
        ("Bash(cat:*)", [], ["a.py"]),
        ("Read(a:b.txt)", ["a:b.txt", "./a:b.txt"], ["a.py"]),
        ("Read(dotted.)", ["dotted."], ["a.py"]),
        ("Read(cafe\u0301.txt)", ["caf\u00e9.txt", "CAF\u00c9.txt"], ["a.py"]),
        ("Read(caf\u00e9.txt)", ["caf\u00e9.txt", "ca\u034ffe\u0301.txt"], ["a.py"]),
        ("Read(PRIVATE.MD)", ["private.md", "sub/../other.md"], ["a.py"]),
    ],
)
def test_claude_codes_rules_hold_for_reading_and_writing(
    project: Path, place: str, rule: str, denied: list[str], free: list[str]
) -> None:
    claude = project.parent / ".claude" if place == "user" else project / ".claude"
    deny(claude / ("settings.local.json" if place == "local" else "settings.json"), rule)
    workspace = workspace_of(project)
    assert [name for name in denied if readable(workspace, name) or writable(workspace, name)] == []
    assert [name for name in free if not (readable(workspace, name) and writable(workspace, name))] == []


def test_an_organisations_rules_count(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    managed = tmp_path / "managed" / "managed-settings.json"
    monkeypatch.setitem(MANAGED, sys.platform, managed)
    deny(managed, "Read(private.md)")
    deny(managed.with_name("managed-settings.d") / "20-more.json", "Read(secrets/**)")
    workspace = workspace_of(project)
    assert not readable(workspace, "private.md")
    assert not readable(workspace, "secrets/a.txt")
    assert readable(workspace, "a.py")


def test_an_absolute_rule_and_rules_for_editing(project: Path) -> None:
    deny(project / ".claude" / "settings.json", f"Read(/{project}/secrets/**)", "Edit(*.py)")
    workspace = workspace_of(project)
    assert not readable(workspace, "secrets/a.txt")
    assert readable(workspace, "a.py")
    assert not writable(workspace, "a.py")
    assert not writable(workspace, "new.py")


def test_a_glob_leaves_out_what_may_not_be_read(project: Path) -> None:
    deny(project / ".claude" / "settings.json", "Read(./secrets/**)")
    assert "secrets/a.txt" not in expand(workspace_of(project), "**/*.txt")


def test_settings_name_files_for_every_client(project: Path) -> None:
    workspace = workspace_of(project, "cursor", never_read=("secrets/",), never_write=("*.py",))
    assert not readable(workspace, "secrets/a.txt")
    assert not readable(workspace, "link/a.txt")
    assert not writable(workspace, "a.py")
    assert readable(workspace, "a.py")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"permissions": []}', '{"permissions": {"deny": "Read"}}'])
def test_broken_settings_deny_nothing(project: Path, text: str) -> None:
    deny(project / ".claude" / "settings.json")
    (project / ".claude" / "settings.json").write_text(text)
    assert readable(workspace_of(project), "a.py")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("offload_work", {"task": "x", "files": ["secrets/a.txt"]}),
        ("offload_work", {"task": "x", "files": ["a.py"], "output": "secrets/a.txt"}),
        ("compress_context", {"files": ["link/a.txt"]}),
        ("batch_offload", {"task": "x", "each": ["a.py"], "output": "secrets/{name}"}),
    ],
)
async def test_the_tools_heed_them(project: Path, tool: str, arguments: dict[str, Any]) -> None:
    deny(project / ".claude" / "settings.json", "Read(./secrets/**)")
    with OllamaStandIn() as ollama:
        settings = Settings(backend=BackendSettings(kind="ollama", url=ollama.url), roots=(project,))
        async with running_hub(settings) as hub, Client(build_mcp(hub), mode="2026-07-28") as client:
            result = await client.call_tool(tool, arguments)
    assert text_of(result).startswith("path_protected: The user's rules forbid "), text_of(result)
