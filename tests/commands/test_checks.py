"""``token-saver checks``: the project's own checks, listed and accepted."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.commands.checks_app import checks_app
from server.commands.doctor.checks import check_findings
from server.config.folders import find_folders
from server.config.settings import load_settings
from server.execution.project_checks.accepted import AcceptedChecks
from server.offload.checks.places import CheckPlaces

pytestmark = pytest.mark.fast


def run(project: Path, *words: str) -> str:
    result = CliRunner().invoke(checks_app, [*words, "--project", str(project)])
    assert result.exit_code == 0, result.output
    return result.output


def test_checks_are_listed_accepted_and_withdrawn(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "ruff.toml").write_text("")
    listed = run(tmp_path)
    assert "pytest: python -m pytest -q  (tests, from pytest.ini; not accepted)" in listed
    assert "token-saver checks accept" in listed
    assert run(tmp_path, "accept", "ruff") == "accepted: ruff, in the sandbox\n"
    assert run(tmp_path, "accept", "pytest", "--outside") == "accepted: pytest, outside the sandbox\n"
    accepted = AcceptedChecks(find_folders().accepted_checks)
    assert {(check.name, place) for check, place in accepted.of(tmp_path)} == {
        ("ruff", "sandbox"),
        ("pytest", "outside"),
    }
    shown = json.loads(run(tmp_path, "--json"))
    assert {each["name"]: each["accepted"] for each in shown} == {"ruff": "sandbox", "pytest": "outside"}
    assert run(tmp_path, "withdraw") == "No check of this project has been accepted.\n"
    assert accepted.of(tmp_path) == []


def test_an_unknown_check_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(checks_app, ["accept", "nothing", "--project", str(tmp_path)])
    assert result.exit_code == 2
    assert "This project has no check named 'nothing'." in result.output


def test_the_user_says_where_an_own_check_runs(token_saver_home: Path) -> None:
    token_saver_home.mkdir()
    (token_saver_home / "config.toml").write_text('[checks]\ntest = "pytest {file}"\n')
    checks = {"test": "pytest {file}"}
    places = CheckPlaces(find_folders().check_places)
    places.start(checks, is_new=False)
    [asked, _] = check_findings(load_settings(find_folders()), find_folders())
    assert (asked.level, "runs outside the sandbox, as before" in asked.text) == ("warning", True)
    assert "token-saver checks place test sandbox" in asked.fix
    said = CliRunner().invoke(checks_app, ["place", "test", "sandbox"])
    assert (said.exit_code, said.output) == (0, "test runs in the sandbox from now on.\n")
    assert (places.questions(checks), places.is_outside("test", checks["test"])) == ({}, False)
    assert len(list(check_findings(load_settings(find_folders()), find_folders()))) == 1
    assert CliRunner().invoke(checks_app, ["place", "test", "outside"]).exit_code == 0
    assert places.is_outside("test", checks["test"])
    [told, _] = check_findings(load_settings(find_folders()), find_folders())
    assert told.text == "test run code written by the model with your permissions"
    for words in (["place", "other", "sandbox"], ["place", "test", "elsewhere"]):
        assert CliRunner().invoke(checks_app, words).exit_code == 2


def test_a_project_without_checks_is_told_so(tmp_path: Path) -> None:
    assert run(tmp_path) == "No checks were found in this project's files.\n"
