"""HTTP/1.1 client for the hub: one connection per request, answers read as they arrive. Standard library
only.

``http.client`` would load ``email`` and ``ssl``, which takes 20 ms (a third of the bridge's startup time) for
features that the local hub never uses.
"""

from __future__ import annotations

import _socket as socket  # the module `socket` also loads `enum` and `selectors`, which takes 5 ms
import io
import time

TYPE_CHECKING = False  # nor is `typing` loaded
if TYPE_CHECKING:
    from typing import Any

LONGEST_LINE = 65_536
"""Maximum length of a response header line (bytes). The hub's lines are about a hundred bytes long."""
MOST_HEADERS = 100


class NotHttp(OSError):
    """The other end does not speak HTTP, or it closed the connection early."""


class HubResponse:
    """The response to one request. ``headers`` have lower-case names; if a header is repeated, the last one
    wins. ``body`` ends with the response, and raises ``NotHttp`` if the connection breaks.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        version, _, rest = _line(stream).partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not status.isdecimal():
            raise NotHttp("the answer is not HTTP")
        self.status = int(status)
        self.headers: dict[str, str] = {}
        while line := _line(stream):
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
            if len(self.headers) > MOST_HEADERS:
                raise NotHttp("the answer has too many headers")
        self.body = io.BufferedReader(_Body(stream, self.status, self.headers))


class HubConnection:
    """A connection to ``address`` for a single request. Another thread can shut down ``socket``.

    Raises:
        OSError: nothing is listening there, or the connection is not accepted within ``timeout`` seconds.
    """

    def __init__(self, address: tuple[str, int], timeout: float) -> None:
        self._host = f"{address[0]}:{address[1]}"
        self.socket = _connected(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._incoming = _Incoming(self.socket)
        self._stream: io.BufferedReader = io.BufferedReader(self._incoming)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        """Send the request. ``headers`` are ASCII without line breaks.

        Raises:
            OSError: the connection broke.
        """
        # "Connection: close" is left out: with it, a server that refuses a long body closes the connection
        # before everything is sent, and its answer is lost.
        every = {"Host": self._host, "Content-Length": str(len(body)), **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode("ascii") + body)

    def answer(self) -> HubResponse:
        """Wait for the response headers.

        Raises:
            OSError: no response arrives, or it is not HTTP.
        """
        return HubResponse(self._stream)

    def limit(self, seconds: float | None) -> None:
        """Cap the total time for all subsequent reads at ``seconds``, however slowly bytes arrive. None
        removes the cap; each read then uses the timeout that the caller set on ``socket``.
        """
        self._incoming.until = None if seconds is None else time.monotonic() + seconds

    def close(self) -> None:
        """Release the connection."""
        self._stream.close()
        self.socket.close()


class _Incoming(io.RawIOBase):
    """Bytes received from a socket. ``until`` is the deadline, as a ``time.monotonic`` value."""

    def __init__(self, source: socket.socket) -> None:
        self._socket = source
        self.until: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self.until is not None:
            left = self.until - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._socket.settimeout(left)
        return self._socket.recv_into(buffer)


class _Body(io.RawIOBase):
    """The content of a body, without its framing (RFC 9112, section 6)."""

    def __init__(self, stream: io.BufferedReader, status: int, headers: dict[str, str]) -> None:
        self._stream = stream
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        # Remaining bytes of the chunk or of the body; None: read until the end.
        self._left: int | None = None
        if self._chunked or status in (204, 304):
            self._left = 0
        elif "content-length" in headers:
            self._left = _number(headers["content-length"], 10)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._chunked and self._left == 0:
            # Each chunk except the first follows the line end of the previous one.
            line = _line(self._stream) or _line(self._stream)
            self._left = _number(line.partition(";")[0], 16)
            self._chunked = self._left > 0
        wanted = len(buffer) if self._left is None else min(len(buffer), self._left)
        data = self._stream.read1(wanted) if wanted else b""
        if wanted and not data and self._left is not None:
            raise NotHttp("the answer ended early")
        buffer[: len(data)] = data
        if self._left is not None:
            self._left -= len(data)
        return len(data)


def _connected(address: tuple[str, int], timeout: float) -> socket.socket:
    failure = OSError(f"{address[0]} does not resolve to an address")
    # The host is passed as bytes. A string would load the codec for international names, which takes 10 ms.
    host = address[0].encode("ascii")
    for family, kind, protocol, _, place in socket.getaddrinfo(host, address[1], 0, socket.SOCK_STREAM):
        found = socket.socket(family, kind, protocol)
        try:
            found.settimeout(timeout)
            found.connect(place)
        except OSError as error:
            found.close()
            failure = error
        else:
            return found
    raise failure


def _line(stream: io.BufferedReader) -> str:
    line = stream.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise NotHttp("the answer ended early" if line else "the connection was closed without an answer")
    return line.decode("latin-1").rstrip("\r\n")


def _number(text: str, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise NotHttp("the answer is not HTTP")
    return number
