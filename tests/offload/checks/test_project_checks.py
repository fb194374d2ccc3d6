"""The project's own checks: run on what an offload writes, once the user has accepted them."""

import json
import os
import sys
from pathlib import Path

import pytest

from server.config.folders import find_folders
from server.execution.project_checks.accepted import AcceptedChecks, Place
from server.execution.project_checks.executed import covers_change
from server.execution.project_checks.find import find_project_checks
from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="needs a sandbox, which exists on Linux so far"),
]

BEFORE = "def share(part, whole):\n    return round(100 * part / whole)\n"
AFTER = "def share(part, whole):\n    return round(100 * part / whole) if whole else 0\n"
BROKEN = "def share(part, whole):\n    return round(part / whole)\n"
TESTS = "from share import share\n\n\ndef test_share():\n    assert share(1, 4) == 25\n"


@pytest.fixture
def tested(project: Path) -> Path:
    """A project with a test, and an environment that has pytest."""
    (project / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (project / "share.py").write_text(BEFORE)
    (project / "test_share.py").write_text(TESTS)
    (project / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    return project


def accept(project: Path, place: Place = "sandbox") -> None:
    accepted = AcceptedChecks(find_folders().accepted_checks)
    accepted.accept(project, [(check, place) for check in find_project_checks(project).checks])


def answer(pipeline: PipelineHarness, *codes: str) -> None:
    turns = iter(codes)
    pipeline.ollama.answers.choose(lambda _prompt, _: Answer(f"```python\n{next(turns, codes[-1])}```"))


async def edit(pipeline: PipelineHarness) -> tuple[str, str, str]:
    outcome = await pipeline.run("Return 0 for nothing.", files=("share.py",), output="share.py")
    return outcome.name, outcome.strength, outcome.text


async def test_found_checks_are_not_run_before_they_are_accepted(
    pipeline: PipelineHarness, tested: Path
) -> None:
    (tested / "test_share.py").write_text("raise RuntimeError('it ran')\n")
    answer(pipeline, AFTER)
    name, strength, text = await edit(pipeline)
    assert (name, strength) == ("delivered", "parsed"), text
    assert "pytest" not in text


async def test_a_test_that_executes_the_change_is_the_strongest_word(
    pipeline: PipelineHarness, tested: Path
) -> None:
    accept(tested)
    answer(pipeline, AFTER)
    name, strength, text = await edit(pipeline)
    assert (name, strength) == ("delivered", "tests ran"), text
    assert "check pytest" in text
    assert not (tested / "__pycache__").exists()


async def test_a_failing_test_is_repaired_with_its_output(pipeline: PipelineHarness, tested: Path) -> None:
    accept(tested)
    answer(pipeline, BROKEN, AFTER)
    name, strength, text = await edit(pipeline)
    assert (name, strength) == ("delivered", "tests ran"), text
    assert "after 1 failed try" in text
    assert (tested / "share.py").read_text() == AFTER


async def test_a_test_that_always_fails_leaves_the_file_as_it_was(
    pipeline: PipelineHarness, tested: Path
) -> None:
    accept(tested)
    answer(pipeline, BROKEN)
    name, _, text = await edit(pipeline)
    assert name == "handed_back"
    assert "check_failed" in text
    assert (tested / "share.py").read_text() == BEFORE


async def test_a_test_that_failed_before_says_nothing_about_the_change(
    pipeline: PipelineHarness, tested: Path
) -> None:
    (tested / "test_share.py").write_text(TESTS.replace("25", "26"))
    accept(tested)
    answer(pipeline, AFTER)
    name, strength, text = await edit(pipeline)
    assert (name, strength) == ("delivered", "parsed"), text
    assert "Not checked: pytest (it also failed before the change)" in text
    assert (tested / "share.py").read_text() == AFTER


async def test_a_test_that_does_not_reach_the_change_is_not_called_a_test_of_it(
    pipeline: PipelineHarness, tested: Path
) -> None:
    (tested / "test_share.py").write_text("import share\n\n\ndef test_name():\n    assert share.share\n")
    accept(tested)
    answer(pipeline, AFTER)
    assert (await edit(pipeline))[:2] == ("delivered", "parsed")


async def test_checks_run_without_network_and_cannot_write_the_project(
    pipeline: PipelineHarness, tested: Path
) -> None:
    (tested / "test_share.py").write_text(
        f"{TESTS}\n\ndef test_sandbox():\n"
        "    import pathlib, pytest, socket\n"
        f"    with pytest.raises(OSError):\n        pathlib.Path({str(tested / 'new')!r}).write_text('x')\n"
        "    with pytest.raises(OSError):\n        socket.create_connection(('192.0.2.1', 80), 2)\n"
    )
    accept(tested)
    answer(pipeline, AFTER)
    assert (await edit(pipeline))[:2] == ("delivered", "tests ran")
    assert not (tested / "new").exists()


async def test_outside_of_the_sandbox_only_where_the_user_says_so(
    pipeline: PipelineHarness, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (project / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (project / "share.py").write_text(BEFORE)
    (project / "test_share.py").write_text(f"open('seen', 'w').close()\n{TESTS}")
    accept(project, "outside")
    answer(pipeline, AFTER)
    name, strength, text = await edit(pipeline)
    assert (name, strength) == ("delivered", "parsed"), text
    assert (project / "seen").exists()


def test_a_check_whose_command_changes_has_to_be_accepted_again(project: Path) -> None:
    package = {"scripts": {"test": "vitest", "lint": "eslint ."}}
    (project / "package.json").write_text(json.dumps(package))
    accept(project)
    accepted = AcceptedChecks(find_folders().accepted_checks)
    names = {check.name for check, _ in accepted.of(project)}
    assert "npm run lint" in names
    (project / "pnpm-lock.yaml").write_text("lockfileVersion: 9\n")
    assert accepted.of(project) == []


def test_a_changed_line_in_a_function_has_to_be_executed() -> None:
    assert covers_change(BEFORE, AFTER, {2})
    assert not covers_change(BEFORE, AFTER, {1})
    assert not covers_change(BEFORE, f"LIMIT = 1\n{BEFORE}", {1, 3})
