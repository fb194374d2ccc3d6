"""What both sources of weights share."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from server.backends.base import PullProgress, ReportPull
from server.common.aio import cancel_and_wait

LOOK_SECONDS = 1.0

T = TypeVar("T")


class SourceUnavailable(Exception):
    """This source cannot give the model; the text says why. The next one is tried."""


def size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


async def watched(work: Coroutine[Any, Any, T], look: Callable[[], PullProgress], report: ReportPull) -> T:
    """Do ``work`` and report meanwhile, every second, what ``look`` sees. Cancelling ends both."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await report(look())
            await asyncio.wait({task}, timeout=LOOK_SECONDS)
        return task.result()
    finally:
        if not task.done():
            await cancel_and_wait(task)
