"""Functions of a project, judged by the project's own tests."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from server.common.errors import BadArguments
from server.execution.own_work.chores import chores_of_project
from server.execution.own_work.functions import FunctionWithTests, functions_with_tests

RIGHT = '''def share(part, whole):
    """Return the percentage, rounded; 0 if the whole is 0."""
    if not whole:
        return 0
    return round(100 * part / whole)
'''
MODULE = f'''"""Shares."""

import math


{RIGHT}

def double(value):
    return value * 2
'''
TESTS = """from share import share


def test_share():
    assert share(1, 4) == 25


def test_nothing():
    assert share(1, 0) == 0
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose tests call one function, and never another."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (folder / "share.py").write_text(MODULE)
    (folder / "untested.py").write_text(MODULE.replace("share", "other"))
    (folder / "test_share.py").write_text(TESTS)
    (folder / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    return folder


@pytest.mark.fast
def test_only_functions_that_tests_name_become_chores(project: Path) -> None:
    (found,) = functions_with_tests(project)
    assert (found.name, found.file.name, found.tests) == ("share", "share.py", (project / "test_share.py",))
    assert "raise NotImplementedError" in found.task
    assert "percentage, rounded" in found.task
    assert "round(100" not in found.task
    (project / "pytest.ini").unlink()
    assert not list(functions_with_tests(project))


@pytest.mark.fast
def test_an_answers_function_takes_the_place_of_the_projects(project: Path) -> None:
    (found,) = functions_with_tests(project)
    assert found.filled(RIGHT) == MODULE
    filled = found.filled(f"import os\n\n{RIGHT}\nprint(share(1, 2))\n")
    assert filled == MODULE.replace("def share", "import os\ndef share")
    assert_refused(found, "def share(", "does not parse")
    assert_refused(found, "x = 1\n", "does not define share")


def assert_refused(function: FunctionWithTests, answer: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        function.filled(answer)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="needs a sandbox, which exists on Linux so far")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda text: text, ""),
        (lambda text: f"<think>def share(): pass</think>\n```python\n{text}```", ""),
        (lambda text: text.replace("100", "10"), "FAILED test_share.py::test_share"),
        (lambda text: text.replace("not whole", "False"), "FAILED test_share.py::test_nothing"),
        (lambda _: "def share(part, whole):\n    while True:\n        part += open('/etc/x')\n", "FAILED"),
        (lambda _: "def other():\n    pass\n", "does not define share"),
    ],
    ids=["right", "fenced-after-thinking", "wrong", "rule-missed", "raises", "other-function"],
)
async def test_the_projects_tests_judge_an_answer(
    project: Path, change: Callable[[str], str], error: str
) -> None:
    before = {path: path.read_bytes() for path in project.iterdir() if path.is_file()}
    chores = await chores_of_project(project)
    judged = {each.chore.name: each.judge for each in chores}
    found = await judged["share in share.py, judged by its tests"](change(RIGHT))
    assert found.startswith(error)
    assert bool(found) == bool(error)
    assert {path: path.read_bytes() for path in project.iterdir() if path.is_file()} == before
    assert not (project / "__pycache__").exists()


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="needs a sandbox, which exists on Linux so far")
async def test_tests_that_cannot_tell_right_from_wrong_judge_nothing(project: Path) -> None:
    (project / "test_share.py").write_text(
        "from share import share\n\n\ndef test_name():\n    assert share\n"
    )
    chores = await chores_of_project(project)
    assert [each.chore.name for each in chores] == ["docstring in share.py", "docstring in untested.py"]
    (project / "test_share.py").write_text(
        "from share import share\n\n\ndef test_it():\n    assert not share\n"
    )
    assert len(await chores_of_project(project)) == 2


@pytest.mark.anyio
async def test_a_project_without_functions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArguments, match="no suitable Python function"):
        await chores_of_project(tmp_path)
