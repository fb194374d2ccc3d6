"""What pages say about calls that the user made."""

from dataclasses import replace

import pytest

from dashboard.components.controls.net_tokens import not_by_claude
from dashboard.components.offloads.folded_list import batch_words, folded
from dashboard.components.offloads.offload_list import grouped
from dashboard.pages.history import summary, with_queue
from server.store.records import OffloadRow, Summary

pytestmark = pytest.mark.fast

ROW = OffloadRow(
    id="a",
    started_at=0.0,
    ended_at=1.0,
    tool="offload_work",
    task="Do it",
    client="token-saver",
    project="/p",
    output="a.py",
    outcome="delivered",
    code="",
    summary="",
    model="m",
    prompt_tokens=1,
    completion_tokens=1,
    seconds=1.0,
    net_tokens=0,
    net_microusd=0,
    undone=False,
)


def test_the_history_says_what_own_calls_would_have_saved() -> None:
    assert summary(Summary(3), filtered=False) == "3 offloads."
    assert summary(Summary(12, 3, 1234), filtered=True) == (
        "12 offloads found. Your own calls: 3, counted as 0. Made by Claude, this work would have saved "
        "1.23k tokens."
    )
    assert summary(Summary(10_000, more=True), filtered=True) == "More than 10,000 offloads found."
    assert not_by_claude(-20).endswith("it would have cost 20 tokens more than it saved.")
    assert not_by_claude(0).endswith("cost Claude nothing.")


def test_the_items_of_a_batch_take_one_line() -> None:
    rows = [replace(ROW, id=str(number), job_id="j1" if number % 2 else None) for number in range(6)]
    shown, more = grouped(rows, 3)
    assert [each.id for each in shown] == ["0", "1", "2"]
    assert more == {"1": 2}


def test_a_batch_takes_the_place_of_its_newest_row_in_the_history() -> None:
    rows = [replace(ROW, id=str(number), job_id="j1" if number % 2 else None) for number in range(4)]
    assert [each.id for each in folded(rows)] == ["0", "j1", "2"]
    assert folded(rows[:2]) == rows[:2]
    undone = replace(ROW, undone=True)
    assert batch_words((ROW, undone, ROW)) == "3 files: 2 written, 1 undone · m · from the shell"


def test_a_queued_offload_is_shown_as_waiting() -> None:
    rows = (replace(ROW, id="a", outcome="running"), replace(ROW, id="b", outcome="running"))
    assert [each.outcome for each in with_queue(rows, {"b"})] == ["running", "waiting"]
