"""Commands ``policy waiting``, ``approve`` and ``deny``: answer waiting calls from a terminal."""

import time
from typing import Any

from server.commands.hub_client import connect
from server.commands.terminal.output import echo, print_json
from server.common.control_characters import in_line
from server.config.folders import find_folders


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
    for call in calls:
        echo(_lines(call))


def answer(call: str, chosen: str, reason: str = "") -> None:
    """Answer one waiting call and confirm the answer.

    Raises:
        TokenSaverError: the hub is not running, the call is not waiting, or the answer is invalid.
    """
    body = {"id": call, "answer": chosen, "reason": reason}
    echo(connect(find_folders()).post("/api/approvals", body)["text"])


def _lines(call: dict[str, Any]) -> str:
    left = max(0, round(call["deadline"] - time.time()))
    shown = in_line(", ".join(call["paths"]))
    more = call["files"] - len(call["paths"])
    files = f"\n  {call['files']} files: {shown}{f' and {more} more' if more > 0 else ''}" if shown else ""
    who = call["client"] or "a client"
    return in_line(f"{call['id']}  {call['tool']} of {who}, {left} s left: {call['reason']}") + files
