"""``token-saver-mcp``: the MCP server on standard input and output, bridged to the hub's ``/mcp``.

Standard library only, because every client waits for the bridge on startup. The bridge reads JSON-RPC lines,
sends them over HTTP and writes server-sent events back as lines. Beyond that it does only three things: it
starts the hub if none is running, adds the caller's identity (token, project folder, session), and reopens
the session after a hub restart.

One thread reads the input. Each request runs in its own thread, so that progress, cancellation, pings and
answers to the server's requests get through while a call runs. The number of threads is limited; further
requests wait for one.
"""

import json
import os
import signal
import sys
import threading
from functools import partial
from types import FrameType
from typing import Any

from server.bridge.exchange import HubGone
from server.bridge.request_threads import RequestThreads
from server.bridge.session import BridgeSession

Message = dict[str, Any]

BOM = b"\xef\xbb\xbf"
"""Byte order mark, which some Windows programs write first."""
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
TOO_MANY = "queue_full: Too many calls wait in this connection. Wait for some answers, then call again."
INTERNAL_ERROR = -32603
ID = str | int | float
"""Valid types for an id. Null is reserved for answers to requests without an id."""
ANSWER_SECONDS = 10.0
"""Grace period for pending requests when the input ends (seconds), so that piped requests are answered.
Normally they take moments; on a busy machine, a few seconds.
"""
CALL_SECONDS = 0.25
"""The same grace period for requests that may run long; these end with their client."""
LONG = ("tools/call", "subscriptions/listen")
MOST_LONG, MOST_SHORT = 128, 32
"""Number of threads for requests that may run long, and for all others. They are separate so that a flood of
calls does not delay a ping.
"""
MOST_WAITING_BYTES = 64 << 20
"""Maximum total size of requests waiting for a thread, for each of the two kinds (bytes)."""


class Bridge:
    """Forwards messages between one client and the hub."""

    def __init__(self) -> None:
        self._output = threading.Lock()
        self.session = BridgeSession(self.write)
        self._calls = RequestThreads(MOST_LONG, MOST_WAITING_BYTES)
        self._others = RequestThreads(MOST_SHORT, MOST_WAITING_BYTES)

    def write(self, line: bytes) -> None:
        """Send one message to the client."""
        with self._output:
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()

    def run(self) -> None:
        """Forward each line of the input until it ends."""
        for line in sys.stdin.buffer:
            message = line.removeprefix(BOM).strip()
            if message:
                self._take(message)
        self._others.wait(ANSWER_SECONDS)
        self._calls.wait(CALL_SECONDS)

    def _take(self, line: bytes) -> None:
        try:
            message: Any = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._fail(None, PARSE_ERROR, "Each line must be one JSON-RPC message.")
        elif not _is_well_formed(message):
            named = message.get("id")
            self._fail(
                named if isinstance(named, ID) else None,
                INVALID_REQUEST,
                "This is not an MCP message: check its `method`, `id` and `params`.",
            )
        elif "method" in message and "id" in message:
            self.session.expect(message)
            # Later messages depend on the result of this message. Other messages can overtake each other.
            if message["method"] == "initialize":
                self._request(message, line)
                return
            threads = self._calls if message["method"] in LONG else self._others
            if not threads.start(partial(self._request, message, line), len(line)):
                self.session.forget(message)
                self._fail(message["id"], INTERNAL_ERROR, TOO_MANY)
        else:
            self._tell(message, line)

    def _request(self, message: Message, line: bytes) -> None:
        try:
            self.session.request(message, line)
        except HubGone as error:
            self._fail(message["id"], INTERNAL_ERROR, str(error))

    def _tell(self, message: Message, line: bytes) -> None:
        """Forward a notification or an answer. If the hub is gone, nobody is waiting for the message."""
        try:
            self.session.tell(message, line)
        except HubGone as error:
            print(f"token-saver-mcp: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the client's log

    def _fail(self, request_id: object, code: int, text: str) -> None:
        error = {"code": code, "message": text}
        self.write(json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode())


def _is_well_formed(message: Message) -> bool:
    """Return whether the message has the JSON-RPC and MCP parts that this module expects, with the right
    types.
    """
    params = message.get("params") or {}
    return (
        isinstance(message.get("method", ""), str)
        and (message.get("id") is None or isinstance(message["id"], ID))
        and isinstance(params, dict)
        and isinstance(params.get("_meta") or {}, dict)
    )


def main() -> None:
    """Run the bridge until the client closes the input or kills the process."""
    bridge = Bridge()

    def leave(_number: int, _frame: FrameType | None) -> None:
        _exit(bridge)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    try:
        bridge.run()
    except (BrokenPipeError, OSError):
        _exit(bridge)  # the client is gone, so nobody could read an error
    _exit(bridge)


def _exit(bridge: Bridge) -> None:
    """Exit the process immediately. Threads may be stuck in reads, and clients kill servers after half a
    second.
    """
    bridge.session.end()
    os._exit(0)
