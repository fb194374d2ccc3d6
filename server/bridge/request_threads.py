"""A limited number of threads for one client's requests, with a queue."""

import threading
import time
from collections import deque
from collections.abc import Callable


class RequestThreads:
    """Runs requests in at most ``most`` daemon threads, in order of arrival.

    A thread ends when no requests are waiting, so a client that rarely calls has no idle threads.

    Args:
        most: maximum number of threads.
        most_bytes: maximum total size of the requests waiting for a thread.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._bytes_left = most_bytes
        self._waiting: deque[tuple[Callable[[], None], int]] = deque()
        self._running = 0
        self._changed = threading.Condition()  # the lock of this queue is reentrant

    def start(self, request: Callable[[], None], size: int) -> bool:
        """Run a request of ``size`` bytes now or later. Return False if too many are already waiting."""
        with self._changed:
            if self._running < self._most:
                self._running += 1
                threading.Thread(target=self._work, args=(request,), daemon=True).start()
            elif size > self._bytes_left:
                return False
            else:
                self._bytes_left -= size
                self._waiting.append((request, size))
            return True

    def wait(self, seconds: float) -> None:
        """Wait for all requests to end, but no longer than this many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._running and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def _work(self, request: Callable[[], None] | None) -> None:
        try:
            while request is not None:
                request()
                request = self._next()
        except BaseException:
            self._leave()
            raise

    def _next(self) -> Callable[[], None] | None:
        """Return the next request, or None to end the thread."""
        with self._changed:
            if not self._waiting:
                self._leave()
                return None
            request, size = self._waiting.popleft()
            self._bytes_left += size
            return request

    def _leave(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
