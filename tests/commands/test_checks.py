"""``token-saver checks``: the project's own checks, listed and accepted."""

import json
from pathlib import Path

from typer.testing import CliRunner

from server.commands.checks_app import checks_app
from server.config.folders import find_folders
from server.execution.project_checks.accepted import AcceptedChecks


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
    assert run(tmp_path, "withdraw") == "No check of this project is accepted.\n"
    assert accepted.of(tmp_path) == []


def test_an_unknown_check_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(checks_app, ["accept", "nothing", "--project", str(tmp_path)])
    assert result.exit_code == 2
    assert "This project has no check named 'nothing'." in result.output


def test_a_project_without_checks_is_told_so(tmp_path: Path) -> None:
    assert run(tmp_path) == "No checks were found in this project's files.\n"
