"""Asyncio building blocks: work that survives cancellation, and background tasks that end in order."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


async def run_uncancellable(work: Awaitable[T], *, error_first: bool = False) -> T:
    """Await ``work`` to completion, even if the caller is cancelled, once or repeatedly.

    Only use this for short ``work`` that always finishes: a cancelled caller blocks until then.

    Raises:
        CancelledError: the caller was cancelled. Raised once ``work`` has ended; any error from ``work`` is
        its cause.
        Exception: the error raised by ``work``. With ``error_first``, it is raised even if the caller was
        cancelled.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None or task.cancelled():
        return task.result()
    failure = task.exception()
    if failure is not None and error_first:
        raise failure
    raise cancelled from failure


async def run_thread_uncancellable(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a thread, like ``run_uncancellable``, as threads cannot be cancelled."""
    return await run_uncancellable(asyncio.to_thread(function, *args, **kwargs))


async def cancel_and_wait(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel the tasks and wait until they end. None stands for a task that was never started. Errors raised
    by tasks are logged.
    """
    started = [task for task in tasks if task is not None]
    for task in started:
        task.cancel()
    if started:
        await asyncio.wait(started)
    for task in started:
        _log_error(task)


@contextlib.asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run ``work`` alongside the ``async with`` block and cancel it when the block ends.

    Raises:
        Exception: the error from ``work``, raised at the end of the block.
    """
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


class BackgroundTasks:
    """Tasks that run alongside the code that started them, on one event loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str | None = None) -> asyncio.Task[T]:
        """Start ``work`` and return its task. Errors in the task are logged."""
        task = self._add(work, name)
        task.add_done_callback(_log_error)
        return task

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``. If the caller is cancelled, it gets ``CancelledError`` immediately while ``work``
        continues in the background; errors in ``work`` are then logged.
        """
        task = self._add(work, None)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_error)
            raise

    async def drain(self) -> None:
        """Wait until all tasks have ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Cancel all tasks and wait until they end."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _add(self, work: Coroutine[Any, Any, T], name: str | None) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _log_error(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("background task %s failed", task.get_name(), exc_info=error)
