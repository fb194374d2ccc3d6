"""Commands ``offload``, ``ask``, ``cancel`` and ``undo``."""

from collections.abc import Sequence
from typing import Any

from server.commands.hub_client import HubAnswered, ToolAnswer, connect, hub_for_call
from server.commands.terminal.output import echo, print_json
from server.commands.terminal.progress import progress_bar
from server.config.folders import Folders
from server.config.settings import Settings

HANDED_BACK = 3
"""Exit status if the result failed the checks and nothing was written."""
OUTCOME_META = "token-saver/outcome"


def offload_task(settings: Settings, folders: Folders, arguments: dict[str, Any], *, as_json: bool) -> int:
    """Run one task, print its summary and return the exit status.

    Raises:
        TokenSaverError: the hub does not answer, or the offload failed. The message gives the reason.
    """
    return _call(settings, folders, "offload_work", arguments, as_json=as_json)


def ask_about(
    settings: Settings, folders: Folders, question: str, files: Sequence[str], *, as_json: bool
) -> int:
    """Answer a question about files with lines of them, print the answer and return the exit status.

    Raises:
        TokenSaverError: the hub does not answer, or the files cannot be read.
    """
    return _call(
        settings, folders, "compress_context", {"files": list(files), "focus": question}, as_json=as_json
    )


def undo_work(settings: Settings, folders: Folders, given: str, *, as_json: bool) -> None:
    """Undo an offload, or all files of a batch, and print a confirmation.

    Raises:
        TokenSaverError: the offload or batch does not exist, or a file has changed since.
    """
    with hub_for_call(settings, folders) as hub:
        text = hub.post("/api/undo", {"id": given})["text"]
    if as_json:
        print_json({"id": given, "text": text})
    else:
        echo(text)


def cancel_work(folders: Folders, given: str, *, as_json: bool) -> None:
    """Cancel a running offload or a batch, and print a confirmation.

    Raises:
        TokenSaverError: no hub is running, or the offload or batch does not exist or has ended.
    """
    text = connect(folders).post("/api/cancel", {"id": given})["text"]
    if as_json:
        print_json({"id": given, "text": text})
    else:
        echo(text)


def _call(
    settings: Settings, folders: Folders, tool: str, arguments: dict[str, Any], *, as_json: bool
) -> int:
    given = {name: value for name, value in arguments.items() if value}
    with progress_bar() as bar:
        bar.show("starting")
        with hub_for_call(settings, folders) as hub:
            answer = hub.call_tool(tool, given, bar.show)
    if as_json:
        print_json({**answer.meta.get(OUTCOME_META, {}), "text": answer.text})
    elif answer.failed:
        raise HubAnswered(answer.text)
    else:
        echo(answer.text)
    return _exit_status(answer)


def _exit_status(answer: ToolAnswer) -> int:
    if answer.failed:
        return 1
    handed_back = answer.meta.get(OUTCOME_META, {}).get("outcome") == "handed_back"
    return HANDED_BACK if handed_back else 0
