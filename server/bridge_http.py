"""One HTTP exchange with the hub: a JSON-RPC message out, JSON-RPC messages back. Standard library only."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator

SILENCE_SECONDS = 60.0
"""Seconds without a byte after which the hub counts as dead; it sends a ping every 15."""
CONNECT_SECONDS = 3.0
"""Seconds that connecting may take: the hub is on this machine."""


class HubGone(Exception):
    """Nothing answers at the hub's address, or it broke off. ``sent`` tells whether the hub may already
    have begun with the request."""

    def __init__(self, cause: str, *, sent: bool) -> None:
        super().__init__(cause)
        self.sent = sent


class Exchange:
    """One request to ``/mcp`` and its answer, which another thread may abort."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=CONNECT_SECONDS)
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self.aborted = False
        self.sent = threading.Event()
        self.status = 0
        self.session_id = ""
        self.content_type = ""
        self._response: http.client.HTTPResponse | None = None

    def send(self, method: str, headers: dict[str, str], body: bytes | None = None) -> None:
        """Send the request and wait for the answer's head.

        Raises:
            HubGone: there is no answer.
        """
        try:
            self._connection.connect()
        except OSError as error:
            raise HubGone(str(error), sent=False) from None
        with self._lock:
            self._socket = self._connection.sock
            self._socket.settimeout(SILENCE_SECONDS)
        try:
            self._connection.request(method, "/mcp", body, headers)
            self.sent.set()
            self._response = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise HubGone(str(error) or type(error).__name__, sent=True) from None
        self.status = self._response.status
        self.session_id = self._response.getheader("mcp-session-id") or ""
        self.content_type = self._response.getheader("content-type") or ""

    def messages(self) -> Iterator[bytes]:
        """Yield the answer's JSON-RPC messages, each on one line, as they arrive.

        Raises:
            HubGone: the hub broke off or fell silent.
        """
        response = self._response
        if response is None:
            return
        try:
            if self.content_type.startswith("text/event-stream"):
                yield from _events(response)
            elif text := response.read().strip():
                yield text
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise HubGone(str(error) or type(error).__name__, sent=True) from None

    def abort(self) -> None:
        """Drop the connection: on 2026-07-28 that is how a call is cancelled."""
        self.aborted = True
        with self._lock:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # it is closed already

    def close(self) -> None:
        """Release the connection."""
        if self._response is not None:
            self._response.close()
        self._connection.close()


def _events(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the data of each server-sent event (WHATWG HTML, section 9.2.6); comments are pings."""
    data: list[bytes] = []
    while line := response.readline():
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            event = b"\n".join(data)
            data = []
            if event:
                yield event if b"\n" not in event else json.dumps(json.loads(event)).encode()
