"""Tests of parts of commands that need no hub: table rows, hints, files that must not be read, switches."""

import json
import time
from pathlib import Path

import pytest

from server.commands.context.actions import show_context, switch_off, switch_on
from server.commands.digest.dry_run import _print
from server.commands.digest.paths import open_allowed, project_folder
from server.commands.models.actions import _bench_row, _first_model, _row
from server.common.errors import Denied, NotFound, WorkspaceError
from server.config.folders import find_folders
from server.config.settings import load_settings
from server.tool_results.dry_run import DryRun, KindEstimate

pytestmark = pytest.mark.fast


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and a user without files of a client."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "user" / ".claude"))
    monkeypatch.delenv("CLAUDE_PROJECT_DIR", raising=False)
    return folder


def test_a_model_is_listed_with_its_size_and_remaining_time() -> None:
    model = {"name": "coder:7b", "size": 4 << 30, "parameters": "7B", "quantization": "Q4_K_M"}
    assert _row(model, None) == ("coder:7b", "4.3 GB", "7B", "Q4_K_M", "", "")
    loaded = {"size": 5 << 30, "expires_at": time.time() + 600}
    assert _row(model, loaded)[4:] == ("5.4 GB", "10 min")
    assert _row(model, {"size": 0, "expires_at": None})[4:] == ("yes", "never")
    assert "`token-saver models pull`" in _first_model({"default_model": "coder:7b"})
    assert "`token-saver models recommend`" in _first_model({"default_model": ""})


def test_a_measurement_is_one_row() -> None:
    found = {"model": "coder:7b", "load_seconds": 1.25, "prompt_rate": 99.6, "generate_rate": 9.96}
    chores = [{"passed": True}, {"passed": False}]
    row = _bench_row({**found, "speedup": 1.5, "slots": 2, "chores": chores})
    assert row == ("coder:7b", "1.2 s", "100 tokens/s", "10.0 tokens/s", "1.5x with 2", "1 of 2")
    alone = {**found, "load_seconds": None, "speedup": 1.0, "slots": 1, "chores": []}
    assert _bench_row(alone)[1:5:3] == ("", "one slot")


def test_a_digest_reads_no_protected_file(project: Path) -> None:
    (project / "log.txt").write_text("a\n")
    (project / ".env").write_text("A=1\n")
    assert project_folder() == project
    with open_allowed("log.txt") as file:
        assert file.read() == b"a\n"
    with pytest.raises(WorkspaceError, match="credentials"):
        open_allowed(".env")
    policy = find_folders().policy_file
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text('version: "1"\ndefault: deny\ntools: {}\n')
    with pytest.raises(Denied):
        open_allowed("log.txt")


def test_the_estimate_of_digests_names_kinds_and_sums(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = (KindEstimate("pytest", 2, 1, 1_500, 30_000), KindEstimate("git", 1, 0, 500, 20_000))
    _print(DryRun(kinds, 1_000_000, 3, (("read in parts", 4),)), days=7)
    shown = capsys.readouterr().out
    assert ["pytest", "2", "1", "1,500", "$0.03"] in [line.split() for line in shown.splitlines()]
    assert "3 transcripts of 7 days: digests would have saved $0.05, 5.0% of a bill of $1.00." in shown
    assert "4 read in parts" in shown


def test_a_part_of_the_context_is_switched_off_and_on(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = find_folders()
    folders.create()
    settings = load_settings(folders)
    file = project / ".claude" / "settings.local.json"
    switch_off(settings, folders, "skill:a", "project", dry_run=True)
    assert '"skillOverrides"' in capsys.readouterr().out
    assert not file.exists()
    switch_off(settings, folders, "skill:a", "project", dry_run=False)
    assert "`token-saver context --on skill:a --scope project` undoes this" in capsys.readouterr().out
    assert json.loads(file.read_text()) == {"skillOverrides": {"a": "off"}}
    switch_off(settings, folders, "skill:a", "project", dry_run=False)
    assert "skill:a is already off" in capsys.readouterr().out
    show_context(settings, folders, "project", as_json=True)
    assert json.loads(capsys.readouterr().out)
    switch_on(settings, folders, "skill:a", "project")
    assert "skill:a is on again in new sessions" in capsys.readouterr().out
    with pytest.raises(NotFound):
        switch_on(settings, folders, "skill:a", "project")
