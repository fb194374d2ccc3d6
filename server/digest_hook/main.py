"""The hook's command: reads a ``PostToolUse`` event from standard input and prints a replacement result, or
nothing.

The hook fails open. If no hub is running, the hub is slow, or any error occurs, it prints nothing and the
result reaches Claude unchanged. It never starts a hub and never reads the user's files.
"""

# Most results are small, so every import that they do not need comes after the look at their size.
# ruff: noqa: PLC0415

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False  # `typing` would take longer to import than all else that a small result needs
if TYPE_CHECKING:
    from typing import Any

LEAST_CHARACTERS = 4_000
"""Results with shorter text pass through without asking the hub (characters). Text of this length made up of
numbers and paths has about 2,000 tokens. The hub counts exactly.
"""
MOST_BYTES = 4_000_000
"""Largest event that the hub accepts. Larger results pass through unchanged."""
TOTAL_SECONDS = 1.4
"""Time limit for the entire exchange with the hub (seconds)."""
CONNECT_SECONDS = 0.3
"""Timeout for connecting and for the hub to prove its identity (seconds). Both take about a millisecond."""
PATH = "/api/tool-result"
EDITED = "edited"
"""The argument used for edit events, and the tool name the hub receives for them."""


def main() -> None:
    """Read the event and print the replacement result, if any. Always exits with status 0.

    With the argument ``edited``, the event reports an edit by Claude. Rerunning a command after an edit is
    not considered a loss.
    """
    deadline = time.monotonic() + TOTAL_SECONDS
    try:
        raw = sys.stdin.buffer.read()
        if EDITED in sys.argv[1:]:
            ask_hub(edit_alone(raw), deadline)
            return
        if not LEAST_CHARACTERS <= len(raw) <= MOST_BYTES:
            return
        from server.bridge.plain_json import loads

        event = loads(raw)
        if text_length(event) >= LEAST_CHARACTERS and not chosen_narrowly(event):
            sys.stdout.buffer.write(ask_hub(raw, deadline))
            sys.stdout.buffer.flush()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # fail open: without output the result passes unchanged


def text_length(event: dict[str, Any]) -> int:
    """Return the length of a result's text in characters, or 0 if the result is not text."""
    response = event["tool_response"]
    if isinstance(response, list):
        is_text = all(block["type"] == "text" for block in response)
        return sum(len(block["text"]) for block in response) if is_text else 0
    if "file" in response:
        return len(response["file"]["content"]) if response["type"] == "text" else 0
    if "stdout" in response:
        is_text = not (response.get("isImage") or response.get("interrupted"))
        return len(response["stdout"]) + len(response.get("stderr") or "") if is_text else 0
    return len(response["result"]) if isinstance(response.get("result"), str) else 0


def chosen_narrowly(event: dict[str, Any]) -> bool:
    """Return whether Claude asked for a specific part of a file."""
    arguments = event["tool_input"]
    return event["tool_name"] == "Read" and bool(arguments.get("offset") or arguments.get("limit"))


def edit_alone(raw: bytes) -> bytes:
    """Return the edit event without the text of the edit."""
    import json

    event = json.loads(raw)
    return json.dumps({"tool_name": EDITED, "session_id": event["session_id"]}).encode()


def ask_hub(event: bytes, deadline: float) -> bytes:
    """Return the hub's answer: the hook's output, or nothing if the result passes through unchanged.

    Raises:
        OSError: no hub is running, or the hub does not answer before ``deadline`` (``time.monotonic``).
    """
    import os

    from server.bridge import discovery, wire
    from server.bridge.http1 import HubConnection
    from server.bridge.hub_identity import demand_proof

    folder = discovery.state_folder()
    info = discovery.read_hub_file(folder)
    if info is None:
        return b""
    token = discovery.read_token(folder)
    connection = HubConnection(info.address, CONNECT_SECONDS)
    try:
        demand_proof(connection, token)
        connection.socket.settimeout(_left(deadline))
        headers = {
            "Content-Type": "application/json",
            wire.AUTHORIZATION: wire.bearer(token),
            wire.PROJECT: wire.percent_encoded(os.fsencode(os.environ.get("CLAUDE_PROJECT_DIR", ""))),
        }
        connection.send("POST", PATH, headers, event)
        connection.limit(_left(deadline))
        answer = connection.answer()
        return answer.body.read() if answer.status == 200 else b""
    finally:
        connection.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
