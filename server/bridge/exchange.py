"""HTTP exchanges with the hub: one JSON-RPC message out, JSON-RPC messages back. Standard library only."""

import io
import json
import socket
import threading
from collections.abc import Iterator

from server.bridge import wire
from server.bridge.http1 import HubConnection, HubResponse
from server.bridge.hub_identity import demand_proof

SILENCE_SECONDS = 60.0
"""Seconds of silence before the hub is considered dead. The hub pings every 15 seconds."""
CONNECT_SECONDS = 3.0
"""Connection timeout (seconds). The hub is on this machine."""


class HubGone(Exception):
    """The hub is gone: its address does not answer, or the connection broke. ``sent`` is true if the hub may
    have started on the request.
    """

    def __init__(self, cause: str, *, sent: bool) -> None:
        super().__init__(cause)
        self.sent = sent


class Exchange:
    """One request to ``/mcp`` and its answer. Another thread can abort the request.

    The request and the token are sent only to a program that has proved it knows the token.
    """

    def __init__(self, address: tuple[str, int], token: str) -> None:
        self._address = address
        self._token = token
        self._connection: HubConnection | None = None
        self._lock = threading.Lock()
        self.aborted = False
        self._begun = False
        self.sent = threading.Event()
        self.status = 0
        self.session_id = ""
        self.content_type = ""
        self._answer: HubResponse | None = None

    def send(self, method: str, headers: dict[str, str], body: bytes = b"") -> None:
        """Send the request and wait for the response headers.

        Raises:
            HubGone: the hub does not answer.
        """
        try:
            connection = HubConnection(self._address, CONNECT_SECONDS)
        except OSError as error:
            raise HubGone(str(error), sent=False) from None
        with self._lock:
            self._connection = connection
        try:
            connection.socket.settimeout(SILENCE_SECONDS)
            demand_proof(connection, self._token)
        except OSError as error:
            raise HubGone(str(error) or type(error).__name__, sent=False) from None
        with self._lock:
            if self.aborted:
                raise HubGone("it was cancelled", sent=False)
            self._begun = True
        try:
            connection.send(
                method, wire.MCP_PATH, {**headers, wire.AUTHORIZATION: wire.bearer(self._token)}, body
            )
            self.sent.set()
            self._answer = connection.answer()
        except OSError as error:
            raise HubGone(str(error) or type(error).__name__, sent=True) from None
        self.status = self._answer.status
        self.session_id = self._answer.headers.get(wire.SESSION_ID.lower(), "")
        self.content_type = self._answer.headers.get("content-type", "")

    def messages(self) -> Iterator[bytes]:
        """Yield the answer's JSON-RPC messages, each on one line, as they arrive.

        Raises:
            HubGone: the hub closed the connection or stopped sending.
        """
        if self._answer is None:
            return
        try:
            if self.content_type.startswith("text/event-stream"):
                yield from _events(self._answer.body)
            elif text := self._answer.body.read().strip():
                yield text
        except (OSError, ValueError) as error:
            raise HubGone(str(error) or type(error).__name__, sent=True) from None

    def recall(self) -> bool:
        """Prevent the request from being sent. Return False if sending has begun."""
        with self._lock:
            self.aborted = self.aborted or not self._begun
            return self.aborted

    def abort(self) -> None:
        """Drop the connection, which cancels the call in protocol 2026-07-28."""
        with self._lock:
            self.aborted = True
            if self._connection is not None:
                try:
                    self._connection.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # already closed

    def close(self) -> None:
        """Release the connection."""
        if self._connection is not None:
            self._connection.close()


def _events(body: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield the data of each server-sent event (WHATWG HTML, section 9.2.6), skipping comments (pings)."""
    data: list[bytes] = []
    while line := body.readline():
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            event = b"\n".join(data)
            data = []
            if event:
                yield event if b"\n" not in event else json.dumps(json.loads(event)).encode()
