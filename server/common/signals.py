"""In-process signals: change listeners and the request to quit. They can be used from any thread."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

Listener = Callable[[], None]


class Listeners:
    """Functions called after every change, in the thread that made the change."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> Listener:
        """Call ``listener`` from now on. Call the returned function to remove it."""
        self._listeners = (*self._listeners, listener)

        def remove() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

        return remove

    def notify(self) -> None:
        """Call all listeners. Errors they raise are logged."""
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                logger.exception("a listener failed")


class QuitSignal:
    """The request to end this process."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.restart = False
        """Whether the app starts again after ending."""
        self._listeners = Listeners()

    def request(self, *, restart: bool = False) -> None:
        """Request the process to end. With ``restart``, the app starts again afterwards."""
        self.restart = self.restart or restart
        self._requested.set()
        self._listeners.notify()

    def on_request(self, listener: Listener) -> None:
        """Call ``listener`` when the end is requested, or immediately if it already was."""
        self._listeners.add(listener)
        if self._requested.is_set():
            listener()

    def wait(self) -> None:
        """Block until the process is asked to end."""
        # The timeout is needed because on Windows a wait without timeout blocks Ctrl-C.
        while not self._requested.wait(0.5):
            pass
