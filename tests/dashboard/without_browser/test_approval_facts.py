"""The facts of a call that waits for approval: files with their contents, and the rule."""

from pathlib import Path

import pytest

from dashboard.approval_facts import MOST_FILES, PREVIEW_LINES, TouchedFile, approval_facts
from server.policy.approvals import Approval
from server.policy.values import Call, Item, Rule

pytestmark = pytest.mark.fast

RULE = Rule("ask first", "offload_work", "require_approval", line=6)


def approval(project: Path, output: str, *files: str, items: tuple[Item, ...] = ()) -> Approval:
    arguments = {"task": "Write a careful note", "files": list(files), "output": output}
    call = Call("offload_work", arguments, project=str(project), items=items, read_as=(arguments,))
    return Approval("a1", call, RULE, "asked", 0.0, 300.0)


def test_files_are_listed_with_what_happens_to_them(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("one\ntwo\n")
    facts = approval_facts(approval(tmp_path, "old.md", "source.py", "old.md"))
    assert facts.task == "Write a careful note"
    assert facts.files == (
        TouchedFile("old.md", written=True, size=8, preview="one\ntwo\n"),
        TouchedFile("source.py", written=False, size=None),
    )
    assert facts.rule == 'Rule "ask first" (line 6 of the rules).'


def test_a_long_file_is_shown_from_its_start(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("line\n" * 1_000)
    assert approval_facts(approval(tmp_path, "long.txt")).files[0].preview == "line\n" * PREVIEW_LINES


@pytest.mark.parametrize("name", [".env", "id_rsa"])
def test_contents_of_credential_files_are_not_shown(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("KEY=secret\n")
    assert approval_facts(approval(tmp_path, name)).files[0].preview == ""


def test_binary_files_have_no_preview(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"\xff\xfe\x00\x01")
    assert approval_facts(approval(tmp_path, "data.bin")).files[0].preview == ""


def test_a_batch_names_some_files_and_counts_the_rest(tmp_path: Path) -> None:
    items = tuple(
        Item({}, {"files": [f"in{number}.py"], "output": f"out{number}.py"}) for number in range(20)
    )
    facts = approval_facts(approval(tmp_path, "", items=items))
    assert len(facts.files) == 2 * MOST_FILES
    assert (facts.more_written, facts.more_read) == (20 - MOST_FILES, 20 - MOST_FILES)
