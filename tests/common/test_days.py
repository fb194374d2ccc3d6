"""Start of a local day, also on days when the clocks change."""

import datetime
import sys
import time

import pytest

from server.common.days import day_begin, days_ago, midnight, seconds_to_midnight
from tests.standins.serving import wait_until

pytestmark = pytest.mark.fast


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot change a process's time zone")
def test_day_starts_at_the_utc_offset_of_that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        spring = day_begin(datetime.date(2026, 3, 29))  # clocks go forward at 02:00
        assert spring.utcoffset() == datetime.timedelta(hours=1)
        assert day_begin(datetime.date(2026, 3, 30)) - spring == datetime.timedelta(hours=23)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_days_ago() -> None:
    wait_until(lambda: seconds_to_midnight() > 10)  # both readings must fall on the same day
    today = midnight()
    assert midnight(3).date() == today.date() - datetime.timedelta(days=3)
    assert (today.hour, today.minute, today.second) == (0, 0, 0)


def test_retention_counts_whole_days_of_24_hours() -> None:
    before = time.time()
    assert before - 2 * 86_400 <= days_ago(2) <= time.time() - 2 * 86_400
