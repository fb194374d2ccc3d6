"""Counts of offloads that were shown to be right or wrong."""

import pytest

from server.store.history import History
from server.store.measurements import Measurements
from tests.store.offloads import end, start, undo

pytestmark = [pytest.mark.anyio, pytest.mark.fast]


async def _write(history: History, offload_id: str, job_id: str | None, *, undone: bool) -> None:
    await history.start(start(offload_id, job_id=job_id))
    await history.finish(offload_id, end(chore_kind="edit", strength="tests ran", undo=undo()))
    if undone:
        await history.mark_undone(offload_id)


async def test_the_undone_items_of_a_batch_count_once(history: History) -> None:
    for number in range(9):
        await _write(history, f"a{number}", "j1", undone=True)
    await _write(history, "kept", "j1", undone=False)

    assert await Measurements(history.database).shown("small", "edit", 0.0) == (1, 2)


async def test_each_undone_single_result_counts(history: History) -> None:
    for number in range(3):
        await _write(history, f"a{number}", None, undone=True)

    assert await Measurements(history.database).shown("small", "edit", 0.0) == (0, 3)
