"""Threads for blocking work, shared fairly between clients."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_Job = tuple[Future[Any], Callable[[], Any]]


class ClientPool:
    """A pool of threads in which each client occupies at most one thread. Any further work from that client
    waits.

    A client that floods the app therefore delays only its own work.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Job]] = {}
        """The work of each client that has a thread or is waiting for one. The first job is running."""

    async def run(self, client: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking function for a client.

        Cancelling drops work that is still waiting. Work already running continues and occupies the client's
        thread until it ends.
        """
        future: Future[T] = Future()
        with self._lock:
            jobs = self._waiting.setdefault(client, deque())
            jobs.append((future, lambda: function(*args, **kwargs)))
            if len(jobs) == 1:
                self._executor.submit(self._work, client)
        return await asyncio.wrap_future(future)

    @property
    def idle(self) -> bool:
        """Return whether the pool has neither running nor waiting work."""
        with self._lock:
            return not self._waiting

    def _work(self, client: str) -> None:
        with self._lock:
            future, function = self._waiting[client][0]
        deliver = _outcome(future, function) if future.set_running_or_notify_cancel() else None
        with self._lock:
            jobs = self._waiting[client]
            jobs.popleft()
            if jobs:
                self._executor.submit(self._work, client)
            else:
                del self._waiting[client]
        if deliver is not None:  # last, so that the pool is idle as soon as its callers have their results
            deliver()


def _outcome(future: Future[Any], function: Callable[[], Any]) -> Callable[[], None]:
    """Run the work. Return a function that passes its result or error on to the caller."""
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - the caller raises it
        return partial(future.set_exception, error)
    return partial(future.set_result, result)
