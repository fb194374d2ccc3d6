"""``token-saver policy waiting``, ``approve`` and ``deny``: the user's answers without tray or dashboard."""

import time
from typing import Any

from server.commands.hub_client import connect
from server.commands.output import echo, in_line, print_json
from server.config.folders import find_folders


def waiting(*, as_json: bool) -> None:
    """Print the calls that wait for the user.

    Raises:
        TokenSaverError: no hub runs.
    """
    calls = connect(find_folders()).get("/api/approvals")["waiting"]
    if as_json:
        print_json(calls)
        return
    if not calls:
        echo("No call waits for approval.")
    for call in calls:
        echo(_lines(call))


def answer(call: str, chosen: str, reason: str = "") -> None:
    """Answer one call that waits, and say so.

    Raises:
        TokenSaverError: no hub runs, no such call waits, or it is no answer.
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
