"""The status line entry in Claude Code's ``settings.json``. A user's existing status line is wrapped."""

import ctypes
import os
import re
import shlex
import sys
from pathlib import Path, PurePath
from typing import Any

from server.config.folders import HOME_VARIABLE, chosen_home
from server.config.textedit.jsonc import get_member, remove_member, set_member
from server.statusline.main import HOME, WRAPPED, WRAPPED_HEX

KEY = ("statusLine",)
MODULE = "server.statusline"
LAUNCHER = "server/statusline/launch.py"
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
    home, python = chosen_home(os.environ), Path(sys.executable).absolute()
    if sys.platform == "win32":
        return windows_command(_without_spaces(python), _without_spaces(_PACKAGES), home, own)
    lines = [
        *([f"import os; os.environ[{HOME_VARIABLE!r}] = {str(home)!r}"] if home is not None else []),
        f"import sys; sys.path.insert(0, {str(_PACKAGES)!r})",
        f"from {MODULE}.main import main; main()",
    ]
    return shlex.join([str(python), "-I", "-S", "-c", "; ".join(lines), *([WRAPPED, own] if own else [])])


def windows_command(python: PurePath, packages: PurePath, home: PurePath | None, own: str) -> str:
    """Return a command line that Git Bash and PowerShell read alike: with slashes in its paths, and without
    double quotes. Claude Code runs status lines through Git Bash, or PowerShell if that is not installed.
    """
    words = [python.as_posix(), "-I", "-S", f"{packages.as_posix()}/{LAUNCHER}"]
    words += [HOME, home.as_posix()] if home is not None else []
    words += [WRAPPED_HEX, own.encode().hex()] if own else []
    return " ".join(word if _BARE.fullmatch(word) else shlex.quote(word) for word in words)


_BARE = re.compile(r"[\w./:~+-]+", re.ASCII)
"""Words that need no quotes in either shell."""


def _without_spaces(path: Path) -> Path:
    """Return the short form of a path on Windows, because PowerShell starts no program with a quoted name.
    On a drive without short names, return the path itself.
    """
    if sys.platform == "win32" and not _BARE.fullmatch(path.as_posix()):
        buffer = ctypes.create_unicode_buffer(32_768)
        if ctypes.windll.kernel32.GetShortPathNameW(str(path), buffer, len(buffer)):
            return Path(buffer.value)
    return path


def _is_ours(entry: Any) -> bool:
    command = _command_of(entry)
    return MODULE in command or LAUNCHER in command


def _command_of(entry: Any) -> str:
    command = entry.get("command") if isinstance(entry, dict) else None
    return command if isinstance(command, str) else ""


def _wrapped(entry: Any) -> str:
    """Return the user's own command from inside the app's command; empty if there is none."""
    try:
        words = shlex.split(_command_of(entry))
    except ValueError:
        return ""
    if WRAPPED_HEX in words[:-1] and LAUNCHER in _command_of(entry):
        try:
            return bytes.fromhex(words[words.index(WRAPPED_HEX) + 1]).decode()
        except ValueError:  # edited by hand
            return ""
    return words[words.index(WRAPPED) + 1] if WRAPPED in words[:-1] else ""
