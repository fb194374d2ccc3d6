"""Tests of what passes unchanged."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from server.tool_results.passing import form_of
from server.tool_results.result import ToolResult

pytestmark = pytest.mark.fast


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with tracked, untracked and ignored files."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".gitignore").write_text("build/\n")
    for name in ("tracked.log", "tracked.json", "new.log", "new.json", "new.yaml", "module.py"):
        (folder / name).write_text("x\n")
    (folder / "build").mkdir()
    (folder / "build" / "report.json").write_text("{}")
    for command in (["init", "-q"], ["add", "tracked.log", "tracked.json", ".gitignore", "module.py"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (tmp_path / "outside.json").write_text("{}")
    (tmp_path / "outside.py").write_text("")
    return folder


def result(project: Path, tool: str, **arguments: Any) -> ToolResult:
    return ToolResult(tool, arguments, {}, "x", project, project, "session", "id")


@pytest.mark.parametrize(
    "command",
    [
        "pytest -v",
        "npm run build 2>&1",
        "docker logs web",
        "git log --stat",
        "cat new.log",
        "cat build/report.json",
        "cat ../outside.json",
        "curl -s http://127.0.0.1/data.json",
    ],
)
def test_outputs_may_be_digested(command: str, project: Path) -> None:
    assert form_of(result(project, "Bash", command=command)).reason == ""


def test_a_look_at_a_file_runs_nothing_of_its_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone can bring a bare repository as plain files, and a program named git."""
    trap, evil = project.parent / "trap", project / "evil"
    subprocess.run(["git", "init", "-q", "--bare", "evil"], cwd=project, check=True)
    (evil / "config").write_text(
        f'[core]\nbare = false\nworktree = {evil}\nfsmonitor = "touch {trap};:"\n'
        f'pager = "touch {trap}"\nhooksPath = {evil}\n'
    )
    (evil / "app.log").write_text("x\n")
    (evil / "git").write_text(f"#!/bin/sh\ntouch {trap}\n")
    (evil / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    assert form_of(result(project, "Bash", command="cat evil/app.log")).reason == ""
    assert not trap.exists()


@pytest.mark.parametrize(
    "command",
    [
        "grep -rn x .",
        "pytest | tail -50",
        "pytest 2>&1 | grep FAILED",
        "sed -n 1,500p new.log",
        "head -c 20000 new.log",
        "find . -name '*.py'",
        "ls -R",
        "git diff",
        "git -C . show HEAD",
        "git log -p",
        "cat module.py",
        "cat new.log module.py",
        "cat tracked.log",
        "cat new.yaml",
        "sudo cat module.py",
        "token-saver digest kept:0123456789abcdef --lines 1-100",
        "uv run token-saver history",
        "echo 'open",
    ],
)
def test_views_and_source_pass(command: str, project: Path) -> None:
    assert form_of(result(project, "Bash", command=command)).reason != ""


@pytest.mark.parametrize("path", ["new.log", "build/report.json", "../outside.json"])
def test_logs_and_data_may_be_digested(path: str, project: Path) -> None:
    assert form_of(result(project, "Read", file_path=str(project / path))).reason == ""


@pytest.mark.parametrize(
    "path", ["module.py", "tracked.log", "tracked.json", "new.json", "new.yaml", "../outside.py", "gone.toml"]
)
def test_files_that_claude_may_edit_pass(path: str, project: Path) -> None:
    assert form_of(result(project, "Read", file_path=str(project / path))).reason != ""


def test_a_named_part_passes(project: Path) -> None:
    assert form_of(result(project, "Read", file_path=str(project / "new.log"), limit=2_000)).reason != ""


@pytest.mark.parametrize(
    ("tool", "passes"),
    [
        ("mcp__github__list_issues", False),
        ("mcp__token-saver__compress_context", True),
        ("mcp__plugin_token-saver_token-saver__offload_work", True),
        ("WebFetch", False),
    ],
)
def test_results_of_this_app_pass(tool: str, passes: bool, project: Path) -> None:
    assert (form_of(result(project, tool)).reason != "") is passes


def test_without_git_a_repositorys_files_count_as_tracked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert form_of(result(project, "Read", file_path=str(project / "new.log"))).reason != ""
