"""Tests of ``token-saver jobs``: failures and a missing hub show in the list; `show` lists the items."""

import asyncio
import json
from dataclasses import replace

import pytest

from server.commands.batches.jobs import _show, state_of
from server.common.errors import NotFound
from server.config.folders import find_folders
from server.store.history import History
from server.store.job_records import ItemRecord, JobCounts, JobRecord
from server.store.jobs import Jobs

JOB = JobRecord("j1", 0.0, "Write", "token-saver", "", "", (), sequential=False)
ALL_WELL = JobCounts({"delivered": 4})
SOME_FAILED = JobCounts({"delivered": 6, "handed_back": 4, "failed": 1})


@pytest.mark.fast
@pytest.mark.parametrize(
    ("state", "counts", "hub_runs", "words"),
    [
        ("done", ALL_WELL, True, "done"),
        ("done", SOME_FAILED, True, "done, 5 failed"),
        ("running", ALL_WELL, True, "running"),
        ("running", ALL_WELL, False, "waiting for the hub"),
        ("paused", SOME_FAILED, False, "paused"),
    ],
)
def test_the_state_of_a_batch_in_the_list(state: str, counts: JobCounts, hub_runs: bool, words: str) -> None:
    assert state_of(replace(JOB, state=state), counts, hub_runs=hub_runs) == words


ITEMS = (
    ItemRecord(0, {"output": "a.py"}, "delivered", "a1b2c3d4"),
    ItemRecord(1, {"output": "b.py"}, "handed_back", "a1b2c3d5", 1, "undefined_name", "line 9: `date`"),
    ItemRecord(2, {"files": ["c.py"]}),
)


def test_show_lists_every_item_also_of_an_unfinished_batch(capsys: pytest.CaptureFixture[str]) -> None:
    async def story() -> None:
        folders = find_folders()
        folders.create()
        history = await History.open(folders.database)
        await Jobs(history.database).create(replace(JOB, id="j12345678"), ITEMS)
        await history.close()
        await _show(folders, "j1234", as_json=False)
        await _show(folders, "j1234", as_json=True)
        with pytest.raises(NotFound):
            await _show(folders, "j999", as_json=False)

    asyncio.run(story())
    table, _, facts = capsys.readouterr().out.partition("{")
    _, *rows = [line.split() for line in table.splitlines()]
    assert [row[:4] for row in rows] == [
        ["0", "delivered", "a.py", "a1b2c3d4"],
        ["1", "handed_back", "b.py", "a1b2c3d5"],
        ["2", "waiting", "c.py"],
    ]
    assert rows[1][4:] == ["line", "9:", "`date`"]
    found = json.loads("{" + facts)
    assert (found["id"], [each["state"] for each in found["items"]]) == (
        "j12345678",
        ["delivered", "handed_back", "waiting"],
    )
