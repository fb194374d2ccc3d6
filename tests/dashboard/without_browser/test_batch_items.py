"""What the page of a batch says about its items."""

import pytest

from dashboard.components.batches.batch_card import pace
from dashboard.pages.batches import result_of, with_queue
from server.store.job_records import ItemRecord

pytestmark = pytest.mark.fast


def test_an_item_in_the_queue_is_shown_as_waiting() -> None:
    items = (ItemRecord(1, {}, "running", "a"), ItemRecord(2, {}, "running", "b"), ItemRecord(3, {}))
    assert [each.state for each in with_queue(items, {"b"})] == ["running", "waiting", "waiting"]


def test_a_written_file_shows_its_change_and_evidence() -> None:
    summary = "m.py: +2 -1 lines; berth.\nParsed after 1 failed try; checks: complete. m, 0.7 s."
    item = ItemRecord(1, {"output": "m.py"}, "delivered", "a", summary=summary)
    assert result_of(item) == "+2 -1 lines; berth. · Parsed after 1 failed try"
    handed_back = ItemRecord(1, {"output": "m.py"}, "handed_back", "a", summary="line 9: unclear")
    assert result_of(handed_back) == "line 9: unclear"


@pytest.mark.parametrize(
    ("per_minute", "words"),
    [(33.0, "33 items per minute"), (1.0, "1 item per minute"), (0.4, "2.5 min per item")],
    ids=["fast", "one", "slow"],
)
def test_the_pace_is_never_zero(per_minute: float, words: str) -> None:
    assert pace(per_minute) == words
