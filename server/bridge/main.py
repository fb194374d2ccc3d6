"""``token-saver-mcp``: MCP on standard input and output, bridged to the hub's ``/mcp``.

Standard library only, because every start of a client waits for it: lines of JSON-RPC in, HTTP out,
server-sent events back as lines. It holds no logic of its own but three things: it starts the hub where
none runs, adds who asks (token, project folder, session), and mends the session when the hub restarts.

One thread reads the input; each request has a thread of its own, so that progress, cancellation, pings
and answers to the server's own requests pass while a call runs.
"""

import json
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from server.bridge.exchange import HubGone
from server.bridge.session import BridgeSession

Message = dict[str, Any]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INTERNAL_ERROR = -32603
ID = str | int | float
"""What an id may be: null is for answers to requests that had none."""
ANSWER_SECONDS = 10.0
"""Seconds that requests get when the input ends, so that a piped one is still answered. They take moments,
but on a busy machine some."""
CALL_SECONDS = 0.25
"""The same for those that may go on for long: they end with their client."""
LONG = ("tools/call", "subscriptions/listen")


class Bridge:
    """Passes messages between one client and the hub."""

    def __init__(self) -> None:
        self._output = threading.Lock()
        self.session = BridgeSession(self.write)
        self._requests: dict[threading.Thread, str] = {}

    def write(self, line: bytes) -> None:
        """Send one message to the client."""
        with self._output:
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()

    def run(self) -> None:
        """Pass on each line of the input until it ends."""
        for line in sys.stdin.buffer:
            if line.strip():
                self._take(line.strip())
        ended = time.monotonic()
        for thread, method in self._requests.items():
            deadline = ended + (CALL_SECONDS if method in LONG else ANSWER_SECONDS)
            thread.join(max(0.0, deadline - time.monotonic()))

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
                "This is no message of MCP: see its `method`, `id`, `params`.",
            )
        elif "method" in message and "id" in message:
            self.session.expect(message)
            # The next messages depend on what this one settles, the others may overtake each other.
            if message["method"] == "initialize":
                self._request(message, line)
                return
            thread = threading.Thread(target=self._request, args=(message, line), daemon=True)
            self._requests = {each: method for each, method in self._requests.items() if each.is_alive()}
            self._requests[thread] = message["method"]
            thread.start()
        else:
            self._tell(message, line)

    def _request(self, message: Message, line: bytes) -> None:
        try:
            self.session.request(message, line)
        except HubGone as error:
            self._fail(message["id"], INTERNAL_ERROR, str(error))

    def _tell(self, message: Message, line: bytes) -> None:
        """Pass on a notification or an answer; where the hub is gone, nobody waits for either."""
        try:
            self.session.tell(message, line)
        except HubGone as error:
            print(f"token-saver-mcp: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the client's log

    def _fail(self, request_id: object, code: int, text: str) -> None:
        error = {"code": code, "message": text}
        self.write(json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode())


def _is_well_formed(message: Message) -> bool:
    """Whether it has the parts that JSON-RPC and MCP say, of the types that all else here relies on."""
    params = message.get("params") or {}
    return (
        isinstance(message.get("method", ""), str)
        and (message.get("id") is None or isinstance(message["id"], ID))
        and isinstance(params, dict)
        and isinstance(params.get("_meta") or {}, dict)
    )


def main() -> None:
    """Bridge until the client closes the input or ends the process."""
    bridge = Bridge()

    def leave(_number: int, _frame: FrameType | None) -> None:
        _exit(bridge)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    try:
        bridge.run()
    except (BrokenPipeError, OSError):
        _exit(bridge)  # the client is gone, and with it who could read an error
    _exit(bridge)


def _exit(bridge: Bridge) -> None:
    """End now: the threads may hang in reads, and clients kill what takes longer than half a second."""
    bridge.session.end()
    os._exit(0)
