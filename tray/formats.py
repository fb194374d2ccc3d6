"""Short, rounded numbers and labels for the menu and tooltip."""

import datetime
import math
from pathlib import PurePath

GIGABYTE = 1_000_000_000
MEGABYTE = 1_000_000


def size(count: int) -> str:
    """Return a size in decimal units, as Ollama prints it: ``986 MB``, ``1.1 GB``."""
    if count >= GIGABYTE:
        return f"{count / GIGABYTE:.1f} GB"
    return f"{max(1, round(count / MEGABYTE))} MB"


def time_left(seconds: float) -> str:
    """Return the remaining time, rounded up to minutes, or to hours from two hours up."""
    minutes = max(1, math.ceil(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{math.ceil(minutes / 60)} h"


def clock(instant: float) -> str:
    """Return the local time of day."""
    return f"{datetime.datetime.fromtimestamp(instant).astimezone():%H:%M}"


def saved(net_tokens: int, share: str = "") -> str:
    """Return today's net savings, with their ``share`` of the bill if known. A loss is called a loss."""
    if net_tokens < 0:
        return f"-{-net_tokens:,} tokens today (net loss)"
    of_bill = f", {share} of today's bill" if share else ""
    return f"{net_tokens:,} tokens saved today (net){of_bill}"


def count(number: int, noun: str) -> str:
    """Return ``1 task``, ``2 tasks`` or ``2 batches``."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def request(task: str, output: str, tool: str) -> str:
    """Return what a call asks for: ``“Write the tests” → test_fees.py``, or its tool if it has no task."""
    what = f"“{shorten(task, 40)}”" if task.strip() else tool
    return f"{what} → {shorten(PurePath(output).name, 40)}" if output else what


def shorten(text: str, length: int = 48) -> str:
    """Return the text as one line of at most ``length`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
