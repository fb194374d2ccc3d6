"""Changes of jobs come to their end, even if who asked for them goes away in the midst of one."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Changes:
    """The changes under way: rows say that a job runs, or does not, a moment before that is so. For one event
    loop."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    def begin(self, change: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a change, which goes on whoever awaits it."""
        task = asyncio.create_task(change)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def whole(self, change: Coroutine[Any, Any, T]) -> T:
        """Make a change; if this is cancelled meanwhile, it is made all the same."""
        return await asyncio.shield(self.begin(change))

    async def close(self) -> None:
        """Leave what is under way to the next start."""
        tasks = tuple(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
