"""Interference at the worst moments: the user saves the file, makes it read-only, or cancels."""

import asyncio
import sys
from pathlib import Path

import pytest

from server.common.errors import StoreError
from server.config.folders import find_folders
from server.offload.values import Outcome
from server.store.history import History
from server.store.records import OffloadEnd, OffloadFilter, UndoRecord
from tests.offload.test_pipeline import fenced, snapshot
from tests.pipeline_harness import OpenPipeline, PipelineHarness
from tests.standins.answers import Answer
from tests.standins.serving import eventually

pytestmark = pytest.mark.anyio

OLD = b"x = 1\n"
WRITTEN = b"x = 6\n"
THEIRS = b"# an hour of the user's work\n"
FAILS_ONCE_SAVED = (
    f'"{sys.executable}" -c "'
    "import os, sys, time\n"
    "while not os.path.exists('saved'): time.sleep(0.01)\n"
    'sys.exit(3)"'
)


class SavedBeforeTheWrite(History):
    """The user saves after the old bytes were read and before the new ones are written."""

    async def save_undo(self, offload_id: str, undo: UndoRecord | None) -> None:
        await super().save_undo(offload_id, undo)
        if undo is not None:
            Path(undo.path).write_bytes(THEIRS)


class CancelledBeforeTheWrite(History):
    """The call is cancelled at the same moment."""

    async def save_undo(self, offload_id: str, undo: UndoRecord | None) -> None:
        await super().save_undo(offload_id, undo)
        task = asyncio.current_task()
        if undo is not None and task is not None:
            task.cancel()


async def set_x(pipeline: PipelineHarness, before: bytes | None, **arguments: str) -> Outcome:
    pipeline.ollama.answers.default = Answer(fenced(WRITTEN.decode()))
    return await pipeline.run("Set x.", files=("a.py",) if before else (), output="a.py", **arguments)


@pytest.mark.parametrize("before", [OLD, None], ids=["edited", "new"])
async def test_a_refused_write_restores_nothing(
    open_pipeline: OpenPipeline, project: Path, before: bytes | None
) -> None:
    if before is not None:
        (project / "a.py").write_bytes(before)
    pipeline = await open_pipeline(history_type=SavedBeforeTheWrite)
    outcome = await set_x(pipeline, before)
    assert (outcome.name, outcome.code) == ("failed", "file_changed"), outcome.text
    assert snapshot(project) == {"a.py": THEIRS}
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.undo is None


@pytest.mark.parametrize("before", [OLD, None], ids=["edited", "new"])
async def test_a_cancelled_write_is_reverted(
    open_pipeline: OpenPipeline, project: Path, before: bytes | None
) -> None:
    if before is not None:
        (project / "a.py").write_bytes(before)
    pipeline = await open_pipeline(history_type=CancelledBeforeTheWrite)
    outcome = await set_x(pipeline, before)
    assert outcome.name == "cancelled"
    assert snapshot(project) == ({"a.py": before} if before else {})
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.undo is None


@pytest.fixture
async def checked(open_pipeline: OpenPipeline) -> PipelineHarness:
    # Outside the sandbox, the check does not first run on the unchanged file, where it would wait as well.
    offload = {"repair_rounds": 0, "check_timeout": 60.0, "check_sandbox": "never"}
    return await open_pipeline(checks={"late": FAILS_ONCE_SAVED}, offload=offload)


async def saved_during_the_check(pipeline: PipelineHarness, project: Path) -> Outcome:
    (project / "a.py").write_bytes(OLD)
    call = asyncio.create_task(set_x(pipeline, OLD, check="late"))
    await eventually(lambda: (project / "a.py").read_bytes() == WRITTEN, 60)
    (project / "a.py").write_bytes(THEIRS)
    (project / "saved").touch()
    outcome = await call
    (project / "saved").unlink()
    assert (outcome.name, outcome.code) == ("handed_back", "check_failed"), outcome.text
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.row.summary == outcome.text
    return outcome


async def test_changes_saved_by_the_user_during_a_check_are_kept_and_named(
    checked: PipelineHarness, project: Path
) -> None:
    outcome = await saved_during_the_check(checked, project)
    assert snapshot(project) == {"a.py": OLD}
    [kept] = find_folders().rescue_copies.iterdir()
    assert kept.read_bytes() == THEIRS
    assert str(kept.resolve()) in outcome.text


async def test_changes_that_cannot_be_copied_stay_in_place(checked: PipelineHarness, project: Path) -> None:
    find_folders().rescue_copies.write_bytes(b"no folder")
    outcome = await saved_during_the_check(checked, project)
    assert snapshot(project) == {"a.py": THEIRS}
    assert "a.py could not be restored" in outcome.text


class EndRefused(History):
    """At the end of the offload the disk is full and the file becomes read-only."""

    refused = 0

    async def finish(self, offload_id: str, end: OffloadEnd) -> None:
        if self.refused < 2:  # at the end, and when the interruption is recorded
            self.refused += 1
            detail = await self.get(offload_id)
            assert detail is not None
            assert detail.undo is not None
            Path(detail.undo.path).chmod(0o444)
            raise StoreError("The disk is full.", "Free some space.")
        await super().finish(offload_id, end)


async def test_a_file_that_cannot_be_restored_is_reported_and_not_retried(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    (project / "a.py").write_bytes(OLD)
    pipeline = await open_pipeline(history_type=EndRefused)
    with pytest.raises(StoreError, match="full"):
        await set_x(pipeline, OLD)
    async with asyncio.timeout(60):
        await pipeline.offloader.settled()
    [row] = await pipeline.history.page(OffloadFilter())
    assert (row.outcome, row.code) == ("failed", "store_failed")
    assert "a.py could not be restored" in row.summary
    assert snapshot(project) == {"a.py": WRITTEN}
    (project / "a.py").chmod(0o644)
    await pipeline.offloader.undo(row.id)
    assert snapshot(project) == {"a.py": OLD}


class CancelledAtTheEnd(History):
    """The user cancels while the end of the offload is being written."""

    async def finish(self, offload_id: str, end: OffloadEnd) -> None:
        for task in asyncio.all_tasks():
            if task.get_name() == f"offload {offload_id}":
                task.cancel()
        await super().finish(offload_id, end)


@pytest.mark.parametrize("answer", ["It sets x.", ""], ids=["returned", "handed_back"])
async def test_a_late_cancellation_gets_the_outcome_of_the_history(
    open_pipeline: OpenPipeline, project: Path, answer: str
) -> None:
    (project / "a.py").write_bytes(OLD)
    pipeline = await open_pipeline(history_type=CancelledAtTheEnd, offload={"allow_losing": True})
    pipeline.ollama.answers.default = Answer(answer)
    outcome = await pipeline.run("Explain this.", files=("a.py",), output_format="explanation")
    [row] = await pipeline.history.page(OffloadFilter())
    assert outcome.name == ("returned" if answer else "handed_back")
    assert (outcome.name, outcome.net_tokens) == (row.outcome, row.net_tokens)
    assert outcome.text.startswith(answer)


class UndoneRefused(History):
    """The disk is full when a finished undo is to be recorded."""

    refused = False

    async def mark_undone(self, offload_id: str) -> None:
        if not self.refused:
            self.refused = True
            raise StoreError("The disk is full.", "Free some space, then try again.")
        await super().mark_undone(offload_id)


@pytest.mark.parametrize("before", [OLD, None], ids=["edited", "new"])
async def test_an_undo_that_could_not_be_recorded_can_be_repeated(
    open_pipeline: OpenPipeline, project: Path, before: bytes | None
) -> None:
    if before is not None:
        (project / "a.py").write_bytes(before)
    pipeline = await open_pipeline(history_type=UndoneRefused)
    outcome = await set_x(pipeline, before)
    with pytest.raises(StoreError, match="full"):
        await pipeline.offloader.undo(outcome.offload_id)
    assert snapshot(project) == ({"a.py": before} if before else {})
    await pipeline.offloader.undo(outcome.offload_id)
    [row] = await pipeline.history.page(OffloadFilter())
    assert row.undone
