"""Where a day begins, also when the clocks change on it."""

import datetime
import sys
import time

import pytest

from server.common.days import day_begin, midnight, seconds_to_midnight
from tests.standins.serving import wait_until


@pytest.mark.skipif(sys.platform == "win32", reason="the time zone of a process cannot be changed there")
def test_a_day_begins_by_the_clock_that_held_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        spring = day_begin(datetime.date(2026, 3, 29))  # at two o'clock it becomes three
        assert spring.utcoffset() == datetime.timedelta(hours=1)
        assert day_begin(datetime.date(2026, 3, 30)) - spring == datetime.timedelta(hours=23)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_days_ago() -> None:
    wait_until(lambda: seconds_to_midnight() > 10)  # or tomorrow may begin between the two
    today = midnight()
    assert midnight(3).date() == today.date() - datetime.timedelta(days=3)
    assert (today.hour, today.minute, today.second) == (0, 0, 0)
