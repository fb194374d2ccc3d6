"""Limits on unauthenticated connections: number, lifetime, request size.

Any user on this machine can connect. Other users must not be able to exhaust the resources the hub needs for
its own user: open files, memory and time.
"""

import asyncio
import sys
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.bridge.hub_identity import Address

MOST_STRANGERS = 1024
"""Maximum number of unauthenticated connections; beyond it, the oldest is closed. Clients with a key present
it within milliseconds. A thousand simultaneous calls must all be accepted.
"""
STRANGER_SECONDS = 30.0
"""Time limit for a connection to present a key (seconds). A program that opens a thousand connections writes
to the first only once the last is open, which takes seconds on a busy machine.
"""
MOST_HEAD_BYTES = 64 << 10
MOST_HEADERS = 100
"""Maximum size of the request headers (bytes). A browser sends about 20 headers, 2 kB in all."""
OPEN_FILES = 8192
"""Open file limit that the hub requests from the system, enough for unauthenticated connections, pages and
calls.
"""


class ConnectionLimits:
    """The unauthenticated connections on one event loop. Each can stay open for ``seconds``."""

    def __init__(self, seconds: float = STRANGER_SECONDS) -> None:
        self.seconds = seconds
        # In order of arrival, by address, which is unique among open connections.
        self._connections: dict[Address, LimitedConnection] = {}

    def __call__(self, *args: Any, **settings: Any) -> "LimitedConnection":
        """Return the protocol for one connection. Called by uvicorn."""
        return LimitedConnection(self, *args, **settings)

    def __contains__(self, connection: "LimitedConnection") -> bool:
        return self._connections.get(connection.address) is connection

    def add(self, connection: "LimitedConnection") -> None:
        """Register a new connection. If there are too many, close the oldest."""
        self._connections[connection.address] = connection
        if len(self._connections) > MOST_STRANGERS:
            next(iter(self._connections.values())).cut_off()

    def leave(self, connection: "LimitedConnection") -> None:
        """Remove a closed connection."""
        if connection in self:
            del self._connections[connection.address]

    def know(self, client: Address) -> None:
        """Note that the connection from this address has presented a key, which lifts its limits."""
        self._connections.pop(client, None)


class LimitedConnection(HttpToolsProtocol):
    """One connection, unauthenticated until it presents a key. Every request's headers are size-limited."""

    def __init__(self, limits: ConnectionLimits, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._limits = limits
        self._received = 0
        self._head_bytes = self._unfinished = 0
        self._messages = 0
        self._in_head = False
        self.address: Address = ("", 0)
        self._time: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start as an unauthenticated connection, with its time limit."""
        super().connection_made(transport)
        self.address = self.client or ("", 0)
        self._limits.add(self)
        self._time = self.loop.call_later(self._limits.seconds, self._end_time)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection."""
        if self._time is not None:
            self._time.cancel()
        self._limits.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process data, unless the connection is unauthenticated and has sent too much."""
        # Data that arrives together with a request's head counts only after the key in the head was checked.
        if self._received > MOST_HEAD_BYTES and self in self._limits:
            self.cut_off()
            return
        self._received += len(data)
        message = self._messages if self._in_head else None
        super().data_received(data)
        if self._in_head and self._messages == message:
            # The parser keeps a header to itself until the header's end.
            self._unfinished += len(data)
            if self._unfinished > MOST_HEAD_BYTES:
                self.send_400_response("The head is too long.")

    def on_message_begin(self) -> None:
        """Reset the byte counts for each request's head."""
        self._head_bytes = self._unfinished = 0
        self._messages += 1
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note the end of a head."""
        self._in_head = False
        super().on_headers_complete()

    def on_url(self, url: bytes) -> None:
        """Process a part of the request URL."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Process a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def cut_off(self) -> None:
        """Close the connection immediately, without a response."""
        self._limits.leave(self)
        self.transport.abort()

    def _count(self, length: int) -> None:
        self._head_bytes += length
        if self._head_bytes > MOST_HEAD_BYTES or len(self.headers) >= MOST_HEADERS:
            # The parser treats this like any invalid request: 400, and the connection ends.
            raise ValueError("the head is too long")

    def _end_time(self) -> None:
        if self not in self._limits:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # The request is read only now because this process or the machine was busy.
            self._time = self.loop.call_later(self._limits.seconds, self._end_time)
            return
        self.cut_off()


def ask_for_open_files() -> None:
    """Raise this process's open file limit as far as the system allows."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - missing on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
