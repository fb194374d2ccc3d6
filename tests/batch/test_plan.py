"""A batch is planned whole before anything runs; whatever is wrong with it is said then."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.batch.inputs import expand_inputs
from server.batch.plan import file_of, fill, plan_each, plan_tasks
from server.common.errors import BadArguments
from server.offload.files.workspace import Workspace
from server.offload.values import Caller

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("pattern", "given_path", "output"),
    [
        ("{path}", "src/a.py", "src/a.py"),
        ("{path}", "src/a.py::Parser.feed", "src/a.py"),
        ("{path}", "src/a.py:10-40", "src/a.py"),
        ("{dir}/{stem}.md", "src/deep/a.py", "src/deep/a.md"),
        ("{dir}/{stem}.md", "a.py", "a.md"),
        ("docs/{path}.md", "src/a.py", "docs/src/a.py.md"),
        ("tests/test_{name}", "src/a.py", "tests/test_a.py"),
        ("out/{stem}.{ext}.txt", "src/a.tar.gz", "out/a.tar.gz.txt"),
        ("{path}", "src\\a.py", "src/a.py"),
    ],
)
def test_an_output_pattern_is_filled_from_the_input(pattern: str, given_path: str, output: str) -> None:
    assert fill(pattern, given_path) == output


def test_the_functions_of_a_long_file_are_found_in_time_that_grows_with_it(tmp_path: Path) -> None:
    code = "".join(f"def f{number}():\n    def inner():\n        return 1\n" for number in range(10_000))
    (tmp_path / "long.py").write_text(code)
    workspace = Workspace(Caller("c", "s", tmp_path, (tmp_path,)), 1_000_000)
    found = expand_inputs(workspace, ["long.py::*"])  # minutes, if each were held to all others
    assert found == tuple(f"long.py::f{number}" for number in range(10_000))


def test_each_input_becomes_an_item_after_the_files_that_all_share() -> None:
    plan = plan_each("Document it", ["src/a.py", "src/b.py"], "{path}", {"files": ["STYLE.md"]}, cap=500)
    assert plan.items == (
        {"task": "Document it", "files": ["STYLE.md", "src/a.py"], "output": "src/a.py"},
        {"task": "Document it", "files": ["STYLE.md", "src/b.py"], "output": "src/b.py"},
    )
    assert plan.outputs == ("src/a.py", "src/b.py")


def test_several_selections_of_one_file_may_be_edited_in_place() -> None:
    plan = plan_each("Document it", ["a.py::f", "a.py::g", "b.py::f"], "{path}", {}, cap=500)
    assert plan.outputs == ("a.py", "b.py")
    assert len(plan.items) == 3


@pytest.mark.parametrize(
    ("inputs", "output", "cause"),
    [
        ([], "{path}", "No file matches"),
        (["a.py", "b.py", "c.py"], "{path}", "matches 3 files; a batch takes at most 2"),
        (["a.py"], "", "needs an output pattern"),
        (["a.py"], "{folder}/x", "unknown placeholder: {folder}"),
        (["a.py"], "docs/", "names a folder"),
        (["x/a.py", "y/a.py"], "out/{name}", "2 items would write out/a.py"),
        (["a.py", "b.py"], "all.md", "2 items would write all.md"),
        (["a.py", "a.md"], "{stem}.md", "2 items would write a.md"),
        (["a.py", "b/a.py"], "b/{name}", "2 items would write b/a.py"),
        (["a.py", "b.py"], "./c.md", "2 items would write c.md"),
    ],
)
def test_a_batch_that_cannot_be_right_is_refused(inputs: list[str], output: str, cause: str) -> None:
    with pytest.raises(BadArguments) as caught:
        plan_each("x", inputs, output, {}, cap=2)
    assert cause in caught.value.cause
    assert caught.value.next_step


def test_an_output_that_is_another_items_input_is_refused() -> None:
    with pytest.raises(BadArguments, match=r"itself an input"):
        plan_each("x", ["a.c", "a_.txt"], "{stem}_.txt", {}, cap=9)


@pytest.mark.parametrize(
    ("tasks", "sequential", "cause"),
    [
        ([], False, "has 0 tasks"),
        ([{"task": "x"}] * 11, False, "has 11 tasks"),
        ([{"task": "x"}, {"task": "  "}], False, "Task 2 has no task text"),
        ([{"task": "x", "output": "a"}, {"task": "y", "output": "./a"}], False, "2 items would write a"),
        (
            [{"task": "x", "output": "m.py::f"}, {"task": "y", "output": "./m.py"}],
            False,
            "One item would write m.py::f and another the whole file m.py",
        ),
        (
            [{"task": "x", "files": ["./a:1-9"], "output": "b"}, {"task": "y", "output": "a"}],
            False,
            "Task 1 reads ./a, which task 2 writes",
        ),
        (
            [
                {"task": "x", "files": ["a"], "output": "b"},
                {"task": "y", "files": ["b::f"], "output": "a"},
            ],
            False,
            "Task 1 reads a, which task 2 writes",
        ),
        ([{"task": "x", "file": "a"}], False, "Task 1 has no argument file"),
        ([{"task": "x", "files": "a"}], False, "Task 1: files has a bad value"),
        ([{"task": 3}], False, "Task 1: task has a bad value"),
        ([{"task": "x", "files": [1]}], False, "Task 1: files has a bad value"),
        ([{"task": "x", "output_format": "poem"}], False, "Task 1: output_format is unknown"),
    ],
)
def test_a_list_that_cannot_be_right_is_refused(
    tasks: list[dict[str, str]], sequential: bool, cause: str
) -> None:
    with pytest.raises(BadArguments) as caught:
        plan_tasks(tasks, sequential)
    assert cause in caught.value.cause


def test_one_after_the_other_may_read_what_was_written_before() -> None:
    tasks = [{"task": "x", "output": "a"}, {"task": "y", "files": ["a"], "output": "b"}]
    assert len(plan_tasks(tasks, sequential=True).items) == 2
    edits_in_place = [{"task": "x", "files": ["a"], "output": "a"}]
    assert len(plan_tasks(edits_in_place, sequential=False).items) == 1


def test_one_after_the_other_may_write_the_same_file() -> None:
    plan = plan_tasks([{"task": "x", "output": "a"}, {"task": "y", "output": "a"}], sequential=True)
    assert len(plan.items) == 2


@given(
    st.lists(st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3})?\.(py|md)", fullmatch=True), unique=True, max_size=20)
)
def test_no_accepted_plan_writes_a_file_twice_or_over_another_input(inputs: list[str]) -> None:
    for pattern in ("{path}", "{dir}/{stem}.md", "{name}", "out/{path}"):
        try:
            plan = plan_each("x", inputs, pattern, {}, cap=50)
        except BadArguments:
            continue
        outputs = [str(item["output"]) for item in plan.items]
        assert len(set(outputs)) == len(outputs)
        for item, path in zip(plan.items, inputs, strict=True):
            others = {file_of(other) for other in inputs if other != path}
            assert item["output"] not in others
