"""Commands ``offload`` and ``undo``."""

from typing import Any

from server.commands.hub_client import HubAnswered, ToolAnswer, hub_for_call
from server.commands.output import ProgressLine, echo, print_json
from server.config.folders import Folders
from server.config.settings import Settings

HANDED_BACK = 3
"""Exit status if the result failed the checks and nothing was written."""
OUTCOME_META = "token-saver/outcome"


def offload_task(settings: Settings, folders: Folders, arguments: dict[str, Any], *, as_json: bool) -> int:
    """Run one task and print its summary; return the exit status.

    Raises:
        TokenSaverError: the hub does not answer, or the offload failed; the message has the reason.
    """
    line = ProgressLine()
    with hub_for_call(settings, folders) as hub:
        try:
            answer = hub.call_tool("offload_work", {k: v for k, v in arguments.items() if v}, line.show)
        finally:
            line.clear()
    if as_json:
        print_json({**answer.meta.get(OUTCOME_META, {}), "text": answer.text})
    elif answer.failed:
        raise HubAnswered(answer.text)
    else:
        echo(answer.text)
    return _exit_status(answer)


def undo_offload(settings: Settings, folders: Folders, offload_id: str) -> None:
    """Undo one offload and confirm it.

    Raises:
        TokenSaverError: there is no such offload, or its file was changed since.
    """
    with hub_for_call(settings, folders) as hub:
        echo(hub.post("/api/undo", {"id": offload_id})["text"])


def _exit_status(answer: ToolAnswer) -> int:
    if answer.failed:
        return 1
    handed_back = answer.meta.get(OUTCOME_META, {}).get("outcome") == "handed_back"
    return HANDED_BACK if handed_back else 0
