"""Where a day begins and ends, in the machine's own time zone."""

import datetime


def midnight() -> datetime.datetime:
    """Return the start of today."""
    now = datetime.datetime.now().astimezone()
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def seconds_to_midnight() -> float:
    """Return the seconds until tomorrow has begun."""
    now = datetime.datetime.now().astimezone()
    return (midnight() + datetime.timedelta(days=1) - now).total_seconds() + 1
