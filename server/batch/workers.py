"""A pool of workers for one job."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class WorkerPool:
    """Up to ``most`` workers for one job. The pool only grows; a worker exits when no items are waiting."""

    def __init__(
        self, group: asyncio.TaskGroup, work: Callable[[], Coroutine[Any, Any, None]], most: int
    ) -> None:
        self._group = group
        self._work = work
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    def scale_to(self, wanted: int) -> None:
        """Start workers until ``wanted`` or ``most`` are running."""
        while len(self._tasks) < min(wanted, self._most):
            task = self._group.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
