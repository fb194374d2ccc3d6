"""``output_format: "diff"``: a unified diff that ``git apply`` accepts; no file is written."""

import subprocess
from pathlib import Path

import pytest

from tests.offload.test_pipeline import fenced, snapshot
from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio

BLOCK = "FILE: {}\n<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n"


def apply(project: Path, diff: str) -> None:
    git = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    done = subprocess.run(git, check=False, cwd=project, input=diff.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr


async def test_of_one_file(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.py").write_bytes(b"x = 1\r\ny = 2")
    before = snapshot(project)
    pipeline.ollama.answers.default = Answer(fenced("x = 1\ny = 3\n"))
    outcome = await pipeline.run("Set y to 3.", files=("a.py",), output_format="diff")
    assert outcome.name == "returned", outcome.text
    assert snapshot(project) == before
    apply(project, outcome.text)
    assert (project / "a.py").read_bytes() == b"x = 1\r\ny = 3"


async def test_of_a_selection(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.py").write_text("def f():\n    return 1\n\n\ndef g():\n    return 2\n")
    pipeline.ollama.answers.default = Answer(fenced("def g():\n    return 3\n"))
    outcome = await pipeline.run("Return 3.", files=("a.py::g",), output_format="diff")
    apply(project, outcome.text)
    assert (project / "a.py").read_text() == "def f():\n    return 1\n\n\ndef g():\n    return 3\n"


async def test_of_several_files(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.py").write_text("x = 1\n")
    (project / "b.py").write_text("x = 1\ny = 2\n")
    pipeline.ollama.answers.default = Answer(
        BLOCK.format("a.py", "x = 1", "x = 5") + BLOCK.format("b.py", "y = 2", "y = 6")
    )
    outcome = await pipeline.run("Raise them.", files=("a.py", "b.py"), output_format="diff")
    assert outcome.name == "returned", outcome.text
    apply(project, outcome.text)
    assert (project / "a.py").read_text() == "x = 5\n"
    assert (project / "b.py").read_text() == "x = 1\ny = 6\n"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (BLOCK.format("c.py", "x = 1", "x = 5"), "edit_not_found"),
        (BLOCK.format("a.py", "x = 9", "x = 5"), "edit_not_found"),
        (BLOCK.format("a.py", "x = 1", "x = ("), "does_not_parse"),
        (BLOCK.format("b.py", "y = 2\n", ""), "undefined_name"),
        ("I would change a.py.", "edit_not_found"),
    ],
)
async def test_a_diff_that_does_not_apply_is_handed_back(
    pipeline: PipelineHarness, project: Path, answer: str, code: str
) -> None:
    (project / "a.py").write_text("x = 1\n")
    (project / "b.py").write_text("y = 2\n\n\ndef keep():\n    return y\n")
    pipeline.ollama.answers.default = Answer(answer)
    outcome = await pipeline.run("Raise them.", files=("a.py", "b.py"), output_format="diff")
    assert (outcome.name, outcome.code) == ("handed_back", code), outcome.text


async def test_a_removed_function_is_noticed(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.py").write_text("x = 1\n")
    (project / "b.py").write_text("y = 2\n\n\ndef keep():\n    return 2\n")
    pipeline.ollama.answers.default = Answer(BLOCK.format("b.py", "def keep():\n    return 2\n", ""))
    outcome = await pipeline.run("Raise them.", files=("a.py", "b.py"), output_format="diff")
    assert (outcome.name, outcome.notices) == ("returned", ("b.py: removed function keep",))


async def test_a_diff_can_be_written_to_a_file(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.py").write_text("x = 1\n")
    pipeline.ollama.answers.default = Answer(fenced("x = 2\n"))
    outcome = await pipeline.run("Set x to 2.", files=("a.py",), output="x.patch", output_format="diff")
    assert outcome.name == "delivered", outcome.text
    assert (project / "a.py").read_text() == "x = 1\n"
    apply(project, (project / "x.patch").read_text())
    assert (project / "a.py").read_text() == "x = 2\n"
