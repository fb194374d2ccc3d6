"""After a crash: which items are settled, and which are done again."""

from pathlib import Path

import pytest

from server.batch.recovery import settle_interrupted
from server.offload.delivery import crash_recovery
from server.offload.delivery.rescue_copies import RescueCopies
from server.offload.files.workspace import digest_of
from server.store.history import History
from server.store.job_records import ItemRecord, JobRecord
from server.store.jobs import Jobs
from server.store.records import OffloadStart, UndoRecord

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("mode", "left"), [(0o644, b"old"), (0o444, b"unchecked")])
async def test_a_result_that_was_not_accepted_is_never_delivered(
    tmp_path: Path, mode: int, left: bytes
) -> None:
    """The app died while a check ran; a file that is read-only by now cannot be put back."""
    path, database = tmp_path / "a.py", tmp_path / "history.db"
    path.write_bytes(b"unchecked")
    history = await History.open(database)
    jobs = Jobs(history.database)
    job = JobRecord("j", 1.0, "batch", "c", "s", str(tmp_path), (str(tmp_path),), False)
    await jobs.create(job, (ItemRecord(0, {"task": "t", "output": "a.py"}),))
    await jobs.start_next_item("j", "o")
    start = OffloadStart("o", 1.0, "batch_offload", "t", {}, "c", "s", None, str(tmp_path), "a.py")
    await history.start(start)
    await history.save_undo("o", UndoRecord(str(path), b"old", digest_of(b"unchecked")))
    await history.close()
    path.chmod(mode)

    history = await History.open(database)
    jobs = Jobs(history.database)
    await crash_recovery.recover(history, RescueCopies(tmp_path / "kept", 30))
    await settle_interrupted("j", jobs, history)
    item = await jobs.item("j", 0)
    await history.close()
    path.chmod(0o644)
    assert item is not None
    assert path.read_bytes() == left
    if mode == 0o644:
        assert item.state == "waiting"
    else:
        assert (item.state, item.code) == ("failed", "write_failed")
        assert "could not be restored" in item.summary
