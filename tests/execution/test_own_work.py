"""Functions of a project, judged by the project's own tests."""

import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from server.common.errors import BadArguments
from server.execution.own_work.chores import chores_of_project
from server.execution.own_work.function_judge import FunctionJudge
from server.execution.own_work.functions import FunctionWithTests, functions_with_tests
from server.execution.project_checks.command import sandboxed_command
from server.execution.project_checks.find import find_project_checks
from server.models.own_chores import own_chores

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
ANSWERS = {
    "right": (RIGHT, ""),
    "fenced after thinking": (f"<think>def share(): pass</think>\n```python\n{RIGHT}```", ""),
    "wrong": (RIGHT.replace("100", "10"), "FAILED test_share.py::test_share"),
    "a rule missed": (RIGHT.replace("not whole", "False"), "FAILED test_share.py::test_nothing"),
    "an exception": (
        "def share(part, whole):\n    while True:\n        part += open('/etc/x')\n",
        "FAILED",
    ),
    "another function": ("def other():\n    pass\n", "does not define share"),
}
"""Answers of a model, and how the judge's message begins; an empty one means right."""


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


@pytest.mark.fast
def test_an_answers_future_import_is_dropped_and_an_inner_decorator_goes_with_its_function(
    project: Path,
) -> None:
    inner = (
        'def wrapped(f):\n    """Return f, wrapped."""\n    @wraps(f)\n    def g():\n        return f()\n'
        "    return g\n"
    )
    (project / "share.py").write_text(f"from functools import wraps\n\n\n{inner}")
    (project / "test_share.py").write_text(
        "from share import wrapped\n\n\ndef test_it():\n    assert wrapped\n"
    )
    (found,) = functions_with_tests(project)
    assert "@wraps" not in found.emptied
    compile(found.emptied, "emptied", "exec")
    filled = found.filled(f"from __future__ import annotations\nimport os\n\n{inner}")
    assert "__future__" not in filled
    compile(filled, "filled", "exec")


@pytest.mark.fast
def test_links_pipes_and_devices_are_not_read(project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(MODULE)
    for name in ("share.py", "untested.py"):
        (project / name).unlink()
    (project / "share.py").symlink_to(tmp_path / "outside.py")
    (project / "zero.py").symlink_to("/dev/zero")
    if hasattr(os, "mkfifo"):
        os.mkfifo(project / "pipe.py")
    assert not list(functions_with_tests(project))
    assert own_chores(project) == ()


def test_the_app_itself_imports_files_as_they_are() -> None:
    assert FunctionJudge
    assert SourceFileLoader.get_code.__module__ == "_frozen_importlib_external"


@pytest.mark.fast
@pytest.mark.skipif(sys.platform == "win32", reason="a link to a file needs a permission there")
@pytest.mark.parametrize("place", ["..", "../home", "inside"], ids=["parent", "other-folder", "inside"])
def test_a_projects_python_opens_no_other_folder_to_the_sandbox(project: Path, place: str) -> None:
    (project / ".venv").unlink()
    fake = (project / place / "bin" / "run").resolve()
    for folder in (fake.parent, project / ".venv" / "bin"):
        folder.mkdir(parents=True, exist_ok=True)
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    (project / ".venv" / "bin" / "python").symlink_to(fake)
    [check] = [each for each in find_project_checks(project).checks if each.name == "pytest"]
    assert "does not belong to an installation of Python" in str(sandboxed_command(check, check.command))


def assert_refused(function: FunctionWithTests, answer: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        function.filled(answer)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="needs a sandbox, which exists on Linux so far")
async def test_the_projects_tests_judge_each_answer(project: Path) -> None:
    before = {path: path.read_bytes() for path in project.iterdir() if path.is_file()}
    chores = await chores_of_project(project)
    judged = {each.chore.name: each.judge for each in chores}
    for name, (answer, error) in ANSWERS.items():
        found = await judged["share in share.py, judged by its tests"](answer)
        assert found.startswith(error), (name, found)
        assert bool(found) == bool(error), (name, found)
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
