"""Shared parts of both sources of weights."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from server.backends.base import PullProgress, ReportPull
from server.common.aio import cancel_and_wait

REPORT_SECONDS = 1.0

T = TypeVar("T")


class SourceUnavailable(Exception):
    """This source cannot provide the model, for the reason in the text. The next source is tried."""


def size_of(path: Path) -> int:
    """Return a file's size in bytes, or 0 if it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


async def report_while(
    work: Coroutine[Any, Any, T], progress: Callable[[], PullProgress], report: ReportPull
) -> T:
    """Run ``work`` and report ``progress()`` every second meanwhile. Cancelling ends both."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await report(progress())
            await asyncio.wait({task}, timeout=REPORT_SECONDS)
        return task.result()
    finally:
        if not task.done():
            await cancel_and_wait(task)
