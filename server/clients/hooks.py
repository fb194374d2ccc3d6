"""The app's hooks in Claude Code's ``settings.json``: the reminder, and digests of large results."""

import os
import sys
from pathlib import Path
from typing import Any, Literal

from server.clients.bridge_command import ISOLATION
from server.config.folders import HOME_VARIABLE, chosen_home
from server.config.textedit.jsonc import append_item, get_member, remove_member
from server.digest_hook.main import EDITED

HookName = Literal["hook", "digest"]

REMINDER = "server.reminder"
REMINDER_SECONDS = 10
"""Claude Code's timeout for the reminder (seconds). The reminder takes about 0.05 s."""
DIGEST = "server.digest_hook"
DIGEST_SECONDS = 2
"""Claude Code's timeout for a digest (seconds). After that, the result is left unchanged."""
_PACKAGES = Path(__file__).parents[2]
"""The folder that contains the ``server`` package."""

Entries = list[tuple[str, dict[str, Any]]]
"""Pairs of an event and its entry in Claude Code's format."""


def hook_entries(name: HookName) -> Entries:
    """Return the entries for a hook, with absolute paths and no shell."""
    if name == "hook":
        command = _command([*ISOLATION, "-m", REMINDER], REMINDER_SECONDS)
        return [("PreToolUse", {"matcher": "Read|Write", "hooks": [command]})]
    edited = {**_command([*_digest_program(), EDITED], DIGEST_SECONDS), "async": True}
    return [
        ("PostToolUse", {"matcher": "Bash|Read|WebFetch|mcp__.*", "hooks": [_digest_command()]}),
        ("PostToolUse", {"matcher": "Edit|MultiEdit|Write|NotebookEdit", "hooks": [edited]}),
    ]


def add_hook(text: str, name: HookName) -> str:
    """Return the settings with a hook.

    Raises:
        JsonError: the settings are not JSON, or the list of hooks is not a list.
    """
    wanted = hook_entries(name)
    if [(event, item) for event, item, _ in _found(text, name)] == wanted:
        return text
    text = remove_hook(text, name)
    for event, entry in wanted:
        text = append_item(text, ("hooks", event), entry)
    return text


def remove_hook(text: str, name: HookName) -> str:
    """Return the settings without a hook, dropping lists that contained nothing else.

    Raises:
        JsonError: the settings are not JSON.
    """
    if not _found(text, name):
        return text
    events = dict.fromkeys(event for event, _, _ in _found(text, name))
    while found := _found(text, name):
        event, item, _ = found[0]
        index = get_member(text, ("hooks", event)).index(item)
        text = remove_member(text, ("hooks", event, str(index)))
    for path in (*(("hooks", event) for event in events), ("hooks",)):
        if get_member(text, path) in ([], {}):
            text = remove_member(text, path)
    return text


def hook_program(text: str, name: HookName) -> str | None:
    """Return the program that a hook in the settings starts, or None if the hook is absent.

    Raises:
        JsonError: the settings are not JSON.
    """
    return next((str(hook["command"]) for _, _, hook in _found(text, name)), None)


def _digest_command() -> dict[str, Any]:
    return _command(_digest_program(), DIGEST_SECONDS)


def _digest_program() -> list[str]:
    """Return the Python arguments for the digest hook.

    Without the ``site`` module, Python starts in half the time. If a module is missing, Python exits with
    status 1, which Claude Code ignores. A missing file would give status 2, which Claude Code reports to
    Claude.
    """
    home = chosen_home(os.environ)
    lines = [
        *([f"import os; os.environ[{HOME_VARIABLE!r}] = {str(home)!r}"] if home is not None else []),
        f"import sys; sys.path.insert(0, {str(_PACKAGES)!r})",
        f"from {DIGEST}.main import main; main()",
    ]
    return ["-I", "-S", "-c", "; ".join(lines)]


def _command(arguments: list[str], seconds: int) -> dict[str, Any]:
    program = str(Path(sys.executable).absolute())
    return {"type": "command", "command": program, "args": arguments, "timeout": seconds}


def _found(text: str, name: HookName) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return the entries that start the hook: event, entry, and the command within the entry."""
    events = get_member(text, ("hooks",))
    return [
        (event, item, hook)
        for event, items in (events.items() if isinstance(events, dict) else ())
        if isinstance(items, list)
        for item in items
        if isinstance(item, dict) and isinstance(item.get("hooks"), list)
        for hook in item["hooks"]
        if isinstance(hook, dict) and isinstance(hook.get("command"), str) and _starts(hook, name)
    ]


def _starts(hook: dict[str, Any], name: HookName) -> bool:
    arguments = hook.get("args")
    module = REMINDER if name == "hook" else DIGEST
    return isinstance(arguments, list) and any(module in str(argument) for argument in arguments)
