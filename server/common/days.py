"""Where a day begins and ends, in the machine's own time zone, also on days when its clocks change.

What is kept for so many days is kept for so many times 24 hours, whatever the clocks do.
"""

import datetime
import time

SECONDS_A_DAY = 86_400


def day_begin(day: datetime.date) -> datetime.datetime:
    """Return the start of a local day."""
    return datetime.datetime.combine(day, datetime.time.min).astimezone()


def midnight(days_ago: int = 0) -> datetime.datetime:
    """Return the start of today, or of the day so long ago."""
    today = datetime.datetime.now().astimezone().date()
    return day_begin(today - datetime.timedelta(days=days_ago))


def seconds_to_midnight() -> float:
    """Return the seconds until tomorrow has begun."""
    return (midnight(-1) - datetime.datetime.now().astimezone()).total_seconds() + 1


def days_ago(days: int) -> float:
    """Return the instant so many times 24 hours ago (seconds since the epoch): what is older is too old."""
    return time.time() - days * SECONDS_A_DAY
