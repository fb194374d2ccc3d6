"""Connections that have not brought a key yet: how many there may be, for how long, what they may send.

Whoever is on this machine can connect. None of them may use up what the hub has for its own user: open files,
memory, or time.
"""

import asyncio
import sys
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.bridge.hub_identity import Address

MOST_STRANGERS = 1024
"""One more, and the oldest is cut off: who has a key shows it within milliseconds. Of a thousand calls that
come in one moment none may be lost."""
STRANGER_SECONDS = 30.0
"""Seconds within which a connection has to bring a key. A program that opens a thousand in one go writes to
the first only when it has opened the last, which takes seconds where the machine is busy."""
MOST_HEAD_BYTES = 64 << 10
MOST_HEADERS = 100
"""How long the head of a request may be; that of a browser has some 20 headers and 2 kB."""
OPEN_FILES = 8192
"""How many open files the hub asks the system for: strangers, and pages and calls beside them."""


class ConnectionLimits:
    """The connections without a key. For one event loop; each may stay ``seconds``."""

    def __init__(self, seconds: float = STRANGER_SECONDS) -> None:
        self.seconds = seconds
        # In the order in which they came; by address, which is unique among those that are open.
        self._connections: dict[Address, LimitedConnection] = {}

    def __call__(self, *args: Any, **settings: Any) -> "LimitedConnection":
        """Return what serves one connection; uvicorn asks for it."""
        return LimitedConnection(self, *args, **settings)

    def __contains__(self, connection: "LimitedConnection") -> bool:
        return self._connections.get(connection.address) is connection

    def add(self, connection: "LimitedConnection") -> None:
        """Take note of one that was opened; the oldest gives way where there are too many."""
        self._connections[connection.address] = connection
        if len(self._connections) > MOST_STRANGERS:
            next(iter(self._connections.values())).cut_off()

    def leave(self, connection: "LimitedConnection") -> None:
        """Forget one that was closed."""
        if connection in self:
            del self._connections[connection.address]

    def know(self, client: Address) -> None:
        """Take note that the connection from there brought a key: from now on it may do as it likes."""
        self._connections.pop(client, None)


class LimitedConnection(HttpToolsProtocol):
    """One connection, a stranger's until it brings a key. All heads are of bounded length."""

    def __init__(self, strangers: ConnectionLimits, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._strangers = strangers
        self._received = 0
        self._head_bytes = 0
        self.address: Address = ("", 0)
        self._time: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin as a stranger, with the time of one."""
        super().connection_made(transport)
        self.address = self.client or ("", 0)
        self._strangers.add(self)
        self._time = self.loop.call_later(self._strangers.seconds, self._end_time)

    def connection_lost(self, exc: Exception | None) -> None:
        """Be one less."""
        if self._time is not None:
            self._time.cancel()
        self._strangers.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless a stranger has sent too much by now."""
        # What comes with the head of a request is counted after it has had its chance to bring a key.
        if self._received > MOST_HEAD_BYTES and self in self._strangers:
            self.cut_off()
            return
        self._received += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Count anew for each head."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def cut_off(self) -> None:
        """End it at once."""
        self._strangers.leave(self)
        self.transport.abort()

    def _count(self, length: int) -> None:
        self._head_bytes += length
        if self._head_bytes > MOST_HEAD_BYTES or len(self.headers) >= MOST_HEADERS:
            # The parser tells that as of any request that is no HTTP: 400, and the connection ends.
            raise ValueError("the head is too long")

    def _end_time(self) -> None:
        if self not in self._strangers:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # Only now its request is looked at: this process, or the machine, was busy.
            self._time = self.loop.call_later(self._strangers.seconds, self._end_time)
            return
        self.cut_off()


def ask_for_open_files() -> None:
    """Have the system let this process open more files than it lets every process, if it may."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has none

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
