"""Figures as people read them: units, signs, and times relative to now."""

import datetime
from collections.abc import Callable

Now = Callable[[], float]
MINUTE, HOUR, DAY = 60, 3600, 86_400
BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(num_bytes: int) -> str:
    """Return bytes with a binary unit: ``1.4 GiB``."""
    value, unit = float(num_bytes), 0
    while value >= 1024 and unit < len(BINARY_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return (
        f"{value:.0f} {BINARY_UNITS[unit]}"
        if unit == 0 or value >= 100
        else f"{value:.1f} {BINARY_UNITS[unit]}"
    )


def signed(tokens: int) -> str:
    """Return a net with its sign, a real minus included: ``+31,400`` or ``−210``."""
    return f"{tokens:+,}".replace("-", "−") if tokens else "0"


def count(number: int) -> str:
    """Return a whole number with thousands set apart."""
    return f"{number:,}"


def money(microusd: int) -> str:
    """Return micro-dollars as signed dollars, with as many decimals as tell something."""
    dollars = microusd / 1_000_000
    decimals = 2 if abs(dollars) >= 1 or not microusd else 4
    return f"{'−' if dollars < 0 else '+'}${abs(dollars):.{decimals}f}" if microusd else "$0"


def duration(seconds: float) -> str:
    """Return a length of time: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 4 min``."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        minutes, rest = divmod(whole, MINUTE)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole // MINUTE, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def ago(instant: float, now: float) -> str:
    """Return how long ago an instant was: ``just now``, ``5 min ago``, ``yesterday``, ``3 Nov``."""
    passed = now - instant
    if passed < 10:
        return "just now"
    if passed < MINUTE:
        return f"{passed:.0f} s ago"
    if passed < HOUR:
        return f"{passed / MINUTE:.0f} min ago"
    then, today = (datetime.datetime.fromtimestamp(t).astimezone() for t in (instant, now))
    days = (today.date() - then.date()).days
    if days <= 0:
        return f"{passed / HOUR:.0f} h ago"
    if days == 1:
        return "yesterday"
    return f"{then.day} {then:%b}" if then.year == today.year else f"{then.day} {then:%b %Y}"


def exact(instant: float) -> str:
    """Return an instant in local time, to the second."""
    return f"{datetime.datetime.fromtimestamp(instant).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def until(instant: float | None, now: float) -> str:
    """Return how long a model stays loaded: ``4 min 10 s``, or ``until unloaded``."""
    # Ollama writes "for ever" as an instant centuries ahead.
    if instant is None or instant - now > 365 * DAY:
        return "until unloaded"
    return f"for {duration(instant - now)}" if instant > now else "unloading"
