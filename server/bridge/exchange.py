"""One HTTP exchange with the hub: a JSON-RPC message out, JSON-RPC messages back. Standard library only."""

import io
import json
import socket
import threading
from collections.abc import Iterator

from server.bridge.http1 import HubConnection, HubResponse
from server.bridge.hub_identity import demand_proof

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
    """One request to ``/mcp`` and its answer, which another thread may abort.

    Neither the request nor the token goes to anybody who has not proved that he knows the token.
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
        """Send the request and wait for the answer's head.

        Raises:
            HubGone: there is no answer.
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
            connection.send(method, "/mcp", {**headers, "Authorization": f"Bearer {self._token}"}, body)
            self.sent.set()
            self._answer = connection.answer()
        except OSError as error:
            raise HubGone(str(error) or type(error).__name__, sent=True) from None
        self.status = self._answer.status
        self.session_id = self._answer.headers.get("mcp-session-id", "")
        self.content_type = self._answer.headers.get("content-type", "")

    def messages(self) -> Iterator[bytes]:
        """Yield the answer's JSON-RPC messages, each on one line, as they arrive.

        Raises:
            HubGone: the hub broke off or fell silent.
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
        """Keep the request from being sent; False where that has begun."""
        with self._lock:
            self.aborted = self.aborted or not self._begun
            return self.aborted

    def abort(self) -> None:
        """Drop the connection: on 2026-07-28 that is how a call is cancelled."""
        with self._lock:
            self.aborted = True
            if self._connection is not None:
                try:
                    self._connection.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # it is closed already

    def close(self) -> None:
        """Release the connection."""
        if self._connection is not None:
            self._connection.close()


def _events(body: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield the data of each server-sent event (WHATWG HTML, section 9.2.6); comments are pings."""
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
