"""Commands ``policy waiting``, ``approve`` and ``deny``: answer waiting calls from a terminal."""

import time
from typing import Any

from server.batch.reply import in_words
from server.commands.hub_client import connect
from server.commands.terminal.output import echo, print_json, print_table
from server.config.folders import find_folders

SHORTEST_PREFIX = 4
"""Minimum length of a prefix that can identify a waiting call (characters)."""
SHOWN_ID = 8
"""Characters of an id in the table: enough to be unique."""


def waiting(*, as_json: bool) -> None:
    """Print the calls waiting for approval.

    Raises:
        TokenSaverError: the hub is not running.
    """
    calls = connect(find_folders()).get("/api/approvals")["waiting"]
    if as_json:
        print_json(calls)
        return
    if not calls:
        echo("No calls are waiting for approval.")
        return
    print_table(
        ("id", "tool", "client", "time left", "files", "reason"),
        [_cells(call) for call in calls],
        right=("time left",),
    )
    first = calls[0]["id"][:SHOWN_ID]
    echo(f"To answer: token-saver policy approve {first}  or  token-saver policy deny {first}")


def answer(call: str, chosen: str, reason: str = "") -> None:
    """Answer one waiting call, named by its id or a unique prefix, and confirm the answer.

    Raises:
        TokenSaverError: the hub is not running, the call is not waiting, or the answer is invalid.
    """
    hub = connect(find_folders())
    ids = [each["id"] for each in hub.get("/api/approvals")["waiting"] if each["id"].startswith(call)]
    whole = ids[0] if len(ids) == 1 and len(call) >= SHORTEST_PREFIX else call
    echo(hub.post("/api/approvals", {"id": whole, "answer": chosen, "reason": reason})["text"])


def _cells(call: dict[str, Any]) -> tuple[str, ...]:
    left = max(0, round(call["deadline"] - time.time()))
    more = call["files"] - len(call["paths"])
    files = ", ".join((*call["paths"], *((f"{more} more",) if more > 0 else ())))
    return (
        call["id"][:SHOWN_ID],
        call["tool"],
        call["client"] or "unknown",
        in_words(left),
        files,
        call["reason"],
    )
