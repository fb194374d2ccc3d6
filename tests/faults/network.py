"""Network to the campaign's engine: forwards bytes, can lose them for a while, or reset connections."""

import selectors
import socket
import struct
import threading

CHUNK = 1 << 16
TICK_SECONDS = 0.05
HANG_UP = struct.pack("ii", 1, 0)
"""``SO_LINGER`` of zero seconds: closing sends a reset and drops pending data."""


class Network:
    """Forwards every connection on its own port to ``port``, in a thread, within a ``with`` block.

    While ``lost`` is set, nothing passes: sent data waits, new connections are not accepted (except one or
    two by the system itself), and neither end is notified, as with an unplugged cable.
    """

    def __init__(self, port: int) -> None:
        self.lost = threading.Event()
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: int = self._listening.getsockname()[1]
        self._others: dict[socket.socket, socket.socket] = {}
        self._hang_up = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._forward, daemon=True)

    def __enter__(self) -> "Network":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def hang_up(self) -> None:
        """Reset every connection at both ends."""
        self._hang_up.set()

    def _forward(self) -> None:
        with self._listening, selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            while not self._over.is_set():
                if self._hang_up.is_set():
                    self._hang_up.clear()
                    for each in tuple(self._others):
                        self._close(selector, each, reset=True)
                if self.lost.is_set():
                    self._over.wait(TICK_SECONDS)
                    continue
                for key, _ in selector.select(TICK_SECONDS):
                    if key.fileobj is self._listening:
                        self._take_up(selector)
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._others:
                        self._pass_on(selector, key.fileobj)
            for each in tuple(self._others):
                self._close(selector, each)

    def _take_up(self, selector: selectors.BaseSelector) -> None:
        caller, _ = self._listening.accept()
        try:
            called = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            caller.close()
            return
        for here, there in ((caller, called), (called, caller)):
            self._others[here] = there
            selector.register(here, selectors.EVENT_READ)

    def _pass_on(self, selector: selectors.BaseSelector, here: socket.socket) -> None:
        try:
            data = here.recv(CHUNK)
            self._others[here].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._close(selector, here)

    def _close(self, selector: selectors.BaseSelector, here: socket.socket, *, reset: bool = False) -> None:
        there = self._others.pop(here, None)
        if there is None:
            return
        self._others.pop(there, None)
        for each in (here, there):
            selector.unregister(each)
            if reset:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP)
            each.close()
