"""The status line entry in Claude Code's ``settings.json``. A user's existing status line is wrapped."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from server.config.folders import HOME_VARIABLE, chosen_home
from server.config.textedit.jsonc import get_member, remove_member, set_member
from server.statusline.main import WRAPPED

KEY = ("statusLine",)
MODULE = "server.statusline"
_PACKAGES = Path(__file__).parents[2]
"""The folder that contains the ``server`` package."""


def add_statusline(text: str) -> str:
    """Return the settings with the app's status line, which runs the user's own status line first.

    Raises:
        JsonError: the settings are not JSON.
    """
    found = get_member(text, KEY)
    own = _wrapped(found) if _is_ours(found) else _command_of(found)
    entry = {**(found if isinstance(found, dict) else {}), "type": "command", "command": _command(own)}
    return text if found == entry else set_member(text, KEY, entry)


def remove_statusline(text: str) -> str:
    """Return the settings with the user's own status line, or with none if there was none.

    Raises:
        JsonError: the settings are not JSON.
    """
    found = get_member(text, KEY)
    if not _is_ours(found):
        return text
    own = _wrapped(found)
    return set_member(text, KEY, {**found, "command": own}) if own else remove_member(text, KEY)


def _command(own: str) -> str:
    home = chosen_home(os.environ)
    lines = [
        *([f"import os; os.environ[{HOME_VARIABLE!r}] = {str(home)!r}"] if home is not None else []),
        f"import sys; sys.path.insert(0, {str(_PACKAGES)!r})",
        f"from {MODULE}.main import main; main()",
    ]
    program = [str(Path(sys.executable).absolute()), "-I", "-S", "-c", "; ".join(lines)]
    return _joined([*program, *([WRAPPED, own] if own else [])])


def _joined(words: list[str]) -> str:
    """Return a command line for the shell that Claude Code uses to run status lines."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _is_ours(entry: Any) -> bool:
    return MODULE in _command_of(entry)


def _command_of(entry: Any) -> str:
    command = entry.get("command") if isinstance(entry, dict) else None
    return command if isinstance(command, str) else ""


def _wrapped(entry: Any) -> str:
    """Return the user's own command from inside the app's command; empty if there is none."""
    try:
        words = shlex.split(_command_of(entry))
    except ValueError:
        return ""
    return words[words.index(WRAPPED) + 1] if WRAPPED in words[:-1] else ""
