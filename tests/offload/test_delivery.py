"""Writing, restoring and undoing: atomic, exact, never through a link or over a change."""

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.common.errors import FileChanged, NotFound, PathOutsideRoots, PathProtected
from server.common.events import OffloadUndone
from server.config.folders import find_folders
from server.offload.delivery import atomic
from server.offload.files.workspace import digest_of
from server.policy.files.safe_open import open_for_reading
from tests.offload.test_pipeline import fenced, snapshot
from tests.pipeline_harness import OpenPipeline, PipelineHarness, make_pipeline
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio
POSIX = pytest.mark.skipif(os.name == "nt", reason="file modes and owners exist only on POSIX")


@POSIX
def test_mode_and_owner_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("old")
    path.chmod(0o751)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    atomic.write(path, b"new", digest_of(b"old"))
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["run.sh"]


@POSIX
def test_a_new_file_has_the_usual_mode_and_its_folders_are_made(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        created = atomic.write(tmp_path / "a/b/c.txt", b"x", None)
    finally:
        os.umask(umask)
    assert created == (tmp_path / "a", tmp_path / "a/b")
    assert stat.S_IMODE((tmp_path / "a/b/c.txt").stat().st_mode) == 0o644


@contextmanager
def as_nobody() -> Iterator[None]:
    """Run the block as an ordinary user: file modes do not restrict root."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="other systems cannot pass through such folders")
@pytest.mark.parametrize("own", [0o700, 0o300], ids=["a parent", "a parent and the file's folder"])
def test_folders_without_list_permission_are_passed_through(own: int) -> None:
    with as_nobody(), tempfile.TemporaryDirectory() as folder:
        shared = Path(folder).resolve() / "home"
        path = shared / "me/a.txt"
        path.parent.mkdir(parents=True)
        path.write_text("old")
        path.parent.chmod(own)
        shared.chmod(0o300)
        try:
            os.close(open_for_reading(path, "a.txt"))
            atomic.write(path, b"new", digest_of(b"old"))
            atomic.write(path.with_name("b.txt"), b"b", None)
            assert atomic.read(path) == b"new"
            atomic.remove(path, digest_of(b"new"))
            atomic.remove_unfinished(path.parent)
            shared.chmod(0o700)
            path.parent.chmod(0o700)
            assert snapshot(path.parent) == {"b.txt": b"b"}
        finally:
            shared.chmod(0o700)
            path.parent.chmod(0o700)


def test_a_changed_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("theirs")
    for expected in (None, digest_of(b"old")):
        with pytest.raises(FileChanged):
            atomic.write(path, b"new", expected)
    with pytest.raises(FileChanged):
        atomic.write(tmp_path / "new/gone", b"new", digest_of(b"old"))
    with pytest.raises(FileChanged):
        atomic.remove(path, digest_of(b"old"))
    assert snapshot(tmp_path) == {"a": b"theirs"}


@POSIX
def test_a_folder_replaced_by_a_link_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "sub").symlink_to(outside)
    with pytest.raises(PathOutsideRoots):
        atomic.write(tmp_path / "sub/a.txt", b"x", None)
    with pytest.raises(PathOutsideRoots):
        atomic.write(tmp_path / "sub/deeper/a.txt", b"x", None)
    assert list(outside.iterdir()) == []


@POSIX
def test_a_link_in_the_place_of_the_file_is_neither_followed_nor_replaced(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("old")
    (tmp_path / "a.txt").symlink_to(outside)
    for expected in (None, digest_of(b"old")):
        with pytest.raises(FileChanged):
            atomic.write(tmp_path / "a.txt", b"new", expected)
    assert outside.read_text() == "old"
    assert (tmp_path / "a.txt").is_symlink()


@POSIX
def test_a_read_only_file_is_respected_even_for_root(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(PathProtected):
        atomic.write(path, b"new", digest_of(b"old"))
    assert snapshot(tmp_path) == {"a": b"old"}


async def test_undo_restores_the_exact_bytes(pipeline: PipelineHarness, project: Path) -> None:
    old = b"\xef\xbb\xbfx = 1\r\ny = 2"
    (project / "a.py").write_bytes(old)
    pipeline.ollama.answers.default = Answer(fenced("x = 7\ny = 2\n"))
    outcome = await pipeline.run("Set x to 7.", files=("a.py",), output="a.py")
    assert outcome.name == "delivered", outcome.text
    assert (project / "a.py").read_bytes() == b"\xef\xbb\xbfx = 7\r\ny = 2"
    assert "is restored" in await pipeline.offloader.undo(outcome.offload_id)
    assert (project / "a.py").read_bytes() == old
    assert any(isinstance(event, OffloadUndone) for event in pipeline.events)
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.row.undone
    with pytest.raises(NotFound, match="already undone"):
        await pipeline.offloader.undo(outcome.offload_id)


async def test_undo_removes_a_new_file(pipeline: PipelineHarness, project: Path) -> None:
    pipeline.ollama.answers.default = Answer(fenced("x = 7\n"))
    outcome = await pipeline.run("Write x.", output="a.py")
    await pipeline.offloader.undo(outcome.offload_id)
    assert list(project.iterdir()) == []


async def test_undo_refuses_when_the_file_was_changed_since(pipeline: PipelineHarness, project: Path) -> None:
    pipeline.ollama.answers.default = Answer(fenced("x = 7\n"))
    outcome = await pipeline.run("Write x.", output="a.py")
    (project / "a.py").write_text("x = 8\n")
    with pytest.raises(FileChanged):
        await pipeline.offloader.undo(outcome.offload_id)
    assert (project / "a.py").read_text() == "x = 8\n"


async def test_undo_refuses_an_offload_that_wrote_nothing(pipeline: PipelineHarness) -> None:
    with pytest.raises(NotFound, match="no offload"):
        await pipeline.offloader.undo("nothing")
    pipeline.ollama.answers.default = Answer("")
    outcome = await pipeline.run("Write x.", output="a.py")
    with pytest.raises(NotFound, match="did not write any file"):
        await pipeline.offloader.undo(outcome.offload_id)


def command(code: str) -> str:
    return f'"{sys.executable}" -c "{code}" {{file}}'


CHECKS = {
    "good": command("import sys; exec(open(sys.argv[1]).read())"),
    "seven": command(
        "import sys; text = open(sys.argv[1]).read(); sys.exit('want 7' if '7' not in text else 0)"
    ),
    "slow": command("import time; time.sleep(600)"),
    "format": command("import sys; open(sys.argv[1], 'a').write('# formatted')"),
    "spoil": command("import sys; open(sys.argv[1], 'a').write('# spoilt'); sys.exit(3)"),
    "missing": "no-such-program-anywhere {file}",
    "swap": command(
        "import os, sys; name = sys.argv[1]; os.remove(name); os.symlink(os.environ['SWAP_TO'], name)"
    ),
    "remove": command("import os, sys; os.remove(sys.argv[1])"),
    "where": command("import os; assert os.path.exists('marker')"),
}


@pytest.fixture
async def checked(open_pipeline: OpenPipeline) -> PipelineHarness:
    return await open_pipeline(checks=CHECKS, offload={"check_timeout": 120.0})


async def test_the_users_check_decides(checked: PipelineHarness, project: Path) -> None:
    (project / "a.py").write_text("x = 1\n")
    checked.ollama.answers.default = Answer(fenced("x = 6\n"))
    outcome = await checked.run("Set x.", files=("a.py",), output="a.py", check="seven")
    assert (outcome.name, outcome.code) == ("handed_back", "check_failed"), outcome.text
    assert "want 7" in outcome.text
    assert (project / "a.py").read_text() == "x = 1\n"
    assert len(outcome.attempts) == 3
    checked.ollama.answers.when("want 7", Answer(fenced("x = 7\n")))
    outcome = await checked.run("Set x.", files=("a.py",), output="a.py", check="seven")
    assert outcome.name == "delivered"
    assert "check seven" in outcome.text
    assert (project / "a.py").read_text() == "x = 7\n"


async def test_a_check_added_to_the_settings_after_the_start_is_found(
    pipeline: PipelineHarness, project: Path
) -> None:
    pipeline.ollama.answers.default = Answer(fenced("x = 6\n"))
    unknown = await pipeline.run("Write x.", output="a.py", check="mine")
    assert (unknown.name, unknown.code) == ("failed", "bad_arguments")
    file = find_folders().config_file
    file.write_text(f"[checks]\nmine = {json.dumps(CHECKS['seven'])}\n")
    outcome = await pipeline.run("Write x.", output="a.py", check="mine")
    assert (outcome.name, outcome.code) == ("handed_back", "check_failed"), outcome.text
    file.write_text("[checks]\nmine = 7\n")
    broken = await pipeline.run("Write x.", output="a.py", check="mine")
    assert (broken.name, broken.code) == ("failed", "settings_invalid"), broken.text
    assert "line 2" in broken.text


async def test_a_new_file_that_fails_its_check_leaves_no_folder(
    checked: PipelineHarness, project: Path
) -> None:
    checked.ollama.answers.default = Answer(fenced("x = 6\n"))
    outcome = await checked.run("Write x.", output="new/deep/a.py", check="seven")
    assert outcome.name == "handed_back"
    assert list(project.iterdir()) == []


async def test_a_check_may_format_the_file_and_undo_still_works(
    checked: PipelineHarness, project: Path
) -> None:
    (project / "a.py").write_text("x = 1\n")
    checked.ollama.answers.default = Answer(fenced("x = 6\n"))
    outcome = await checked.run("Set x.", files=("a.py",), output="a.py", check="format")
    assert outcome.name == "delivered"
    assert (project / "a.py").read_text() == "x = 6\n# formatted"
    await checked.offloader.undo(outcome.offload_id)
    assert (project / "a.py").read_text() == "x = 1\n"


async def test_changes_by_a_failing_check_are_reverted_too(checked: PipelineHarness, project: Path) -> None:
    (project / "a.py").write_text("x = 1\n")
    checked.ollama.answers.default = Answer(fenced("x = 6\n"))
    outcome = await checked.run("Set x.", files=("a.py",), output="a.py", check="spoil")
    assert outcome.code == "check_failed"
    assert (project / "a.py").read_text() == "x = 1\n"


@POSIX
@pytest.mark.parametrize("before", [None, "x = 1\n"], ids=["new", "edited"])
@pytest.mark.parametrize("check", ["swap", "remove"])
async def test_a_check_that_replaces_the_file_by_a_link_reveals_nothing_of_its_target(
    checked: PipelineHarness,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str | None,
    check: str,
) -> None:
    secret = project.parent / "secret.txt"
    secret.write_text("seven dwarfs\n")
    monkeypatch.setenv("SWAP_TO", str(secret))
    if before is not None:
        (project / "a.py").write_text(before)
    checked.ollama.answers.default = Answer(fenced("x = 6\n"))
    outcome = await checked.run("Set x.", files=("a.py",) if before else (), output="a.py", check=check)
    assert (outcome.name, outcome.code) == ("failed", "file_changed"), outcome.text
    assert "dwarfs" not in outcome.text
    kept = await checked.history.get(outcome.offload_id)
    assert "dwarfs" not in repr(kept)
    assert secret.read_text() == "seven dwarfs\n"
    if check == "remove" and before is not None:
        assert (project / "a.py").read_text() == before


async def test_a_check_runs_in_the_project(checked: PipelineHarness, project: Path) -> None:
    (project / "marker").write_text("")
    checked.ollama.answers.default = Answer(fenced("x = 6\n"))
    assert (await checked.run("Write x.", output="sub/a.py", check="where")).name == "delivered"


async def test_a_check_that_cannot_start_is_a_settings_error(checked: PipelineHarness, project: Path) -> None:
    checked.ollama.answers.default = Answer(fenced("x = 6\n"))
    outcome = await checked.run("Write x.", output="a.py", check="missing")
    assert (outcome.name, outcome.code) == ("failed", "settings_invalid")
    assert list(project.iterdir()) == []


async def test_a_check_that_hangs_is_killed(open_pipeline: OpenPipeline, project: Path) -> None:
    pipeline = await open_pipeline(checks=CHECKS, offload={"check_timeout": 0.3, "repair_rounds": 0})
    pipeline.ollama.answers.default = Answer(fenced("x = 6\n"))
    outcome = await pipeline.run("Write x.", output="a.py", check="slow")
    assert outcome.code == "check_failed"
    assert "did not end within" in outcome.text
    assert list(project.iterdir()) == []


async def test_a_crash_during_a_check_is_repaired_at_the_next_start(
    pipeline: PipelineHarness, project: Path, open_pipeline: OpenPipeline
) -> None:
    """A crash leaves a row without an end, the old bytes in the history and the new bytes in place."""
    from server.store.records import OffloadStart, UndoRecord

    for name, found in (("a.py", b"unchecked"), ("b.py", b"changed by hand since")):
        (project / name).write_bytes(found)
        start = OffloadStart(name, 1.0, "offload_work", "t", {}, "c", "s", None, str(project), name)
        await pipeline.history.start(start)
        undo = UndoRecord(str(project / name), b"old", digest_of(b"unchecked"))
        await pipeline.history.save_undo(name, undo)
    (project / "new.py").write_bytes(b"unchecked")
    (project / ".token-saver-0123456789ab").write_bytes(b"unch")
    (project / ".token-saver-of-the-user").write_bytes(b"mine")
    await pipeline.history.start(
        OffloadStart("new", 1.0, "offload_work", "t", {}, "c", "s", None, str(project), "new.py")
    )
    await pipeline.history.save_undo(
        "new", UndoRecord(str(project / "new.py"), None, digest_of(b"unchecked"))
    )
    await pipeline.history.close()

    again = await make_pipeline(pipeline.caller, pipeline.ollama, find_folders())
    taken = await again.offloader.start()
    assert sorted(Path(path).name for path in taken) == ["a.py", "new.py"]
    assert snapshot(project) == {
        "a.py": b"old",
        "b.py": b"changed by hand since",
        ".token-saver-of-the-user": b"mine",
    }
    # A check may have been rewriting the file at that time: the history had the only copy of the old bytes.
    [kept] = find_folders().rescue_copies.iterdir()
    assert kept.name.endswith("-b.py")
    assert kept.read_bytes() == b"old"
    assert await again.offloader.start() == ()
    await again.engine.close()
    await again.history.close()
