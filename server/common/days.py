"""Local calendar days: when they start and how long until the next one, even across clock changes.

Retention periods are multiples of 24 hours; clock changes do not affect them.
"""

import datetime
import time

SECONDS_A_DAY = 86_400


def day_begin(day: datetime.date) -> datetime.datetime:
    """Return the start of a local day."""
    return datetime.datetime.combine(day, datetime.time.min).astimezone()


def midnight(days_ago: int = 0) -> datetime.datetime:
    """Return the start of today, or of the day ``days_ago`` days earlier."""
    today = datetime.datetime.now().astimezone().date()
    return day_begin(today - datetime.timedelta(days=days_ago))


def seconds_to_midnight() -> float:
    """Return the seconds until shortly after the next midnight."""
    return (midnight(-1) - datetime.datetime.now().astimezone()).total_seconds() + 1


def days_ago(days: int) -> float:
    """Return the time ``days`` × 24 hours ago, in seconds since the epoch."""
    return time.time() - days * SECONDS_A_DAY
