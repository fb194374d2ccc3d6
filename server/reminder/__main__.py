"""The hook command: reads a ``PreToolUse`` event as JSON from standard input and prints at most one reminder.

The hook never blocks a call and keeps no state. A reminder takes about 100 tokens and accompanies reads and
writes that cost thousands. Events that cannot be parsed produce no output. Sessions held out by the app get
no reminder.

The plugin is a copy of just this folder, so this module imports nothing else of the app.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LARGE_READ = 32_000
"""File size above which reading the whole file is considered large (bytes): about 8,000 tokens."""
LARGE_WRITE = 8_000
"""Text length above which a write is considered large (characters): about 2,000 tokens written by Claude."""
HELD_OUT = "held-out.txt"
"""File in the app's state folder with the ids of sessions in which the app stays silent, one per line."""
PROBED = 1024
"""Number of bytes inspected at the beginning of a file. Text contains no null bytes."""


def main() -> None:
    """Read the event and print the reminder, if any."""
    try:
        event = json.loads(sys.stdin.buffer.read())
        text = reminder(event["tool_name"], event["tool_input"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if text and not is_held_out(str(event.get("session_id", ""))):
        print(json.dumps({"hookSpecificOutput": {"hookEventName": "PreToolUse", "additionalContext": text}}))  # noqa: T201 - the hook's answer


def reminder(tool: str, arguments: dict[str, Any]) -> str:
    """Return the reminder for a Claude Code tool call; empty for most calls.

    Raises:
        OSError: the file cannot be read.
        KeyError: an argument of the tool is missing.
    """
    if tool == "Read":
        return _of_read(Path(arguments["file_path"]), arguments)
    if tool == "Write" and len(arguments["content"]) >= LARGE_WRITE:
        return (
            f"token-saver: {Path(arguments['file_path']).name} is long. If the next similar file is "
            "routine (tests, docstrings, boilerplate, a conversion), offload_work(task, files, output) "
            "can write it, following an example in `files`, and check the result."
        )
    return ""


def is_held_out(session: str) -> bool:
    """Return whether the app stays silent in a session."""
    try:
        return session in Path(state_folder(), HELD_OUT).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return False


def state_folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str:
    """Return the app's state folder, as ``bridge.discovery.state_folder`` does; a test compares the two."""
    if home := environ.get("TOKEN_SAVER_HOME"):
        return str(Path(home).expanduser().absolute())
    if platform == "win32":
        local = environ.get("LOCALAPPDATA") or environ.get("USERPROFILE", "") + "\\AppData\\Local"
        return f"{local}\\token-saver"
    xdg = environ.get("XDG_STATE_HOME", "").strip()
    if xdg.startswith("/"):
        return f"{xdg.rstrip('/')}/token-saver"
    user = environ.get("HOME") or str(Path.home())
    base = "Library/Application Support" if platform == "darwin" else ".local/state"
    return f"{user}/{base}/token-saver"


def _of_read(path: Path, arguments: dict[str, Any]) -> str:
    # If Claude names a part, it has already chosen the text that it needs.
    if arguments.get("offset") or arguments.get("limit"):
        return ""
    size = path.stat().st_size
    if size < LARGE_READ or not path.is_file() or _is_binary(path):
        return ""
    return (
        f"token-saver: {path.name} has {size // 1000} kB. If you only need an overview, "
        "compress_context(files, focus) returns a digest with literal quotes; if the work on this file is "
        "routine, offload_work(task, files, output) reads it for you. Read the file yourself if its exact "
        "text matters."
    )


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" in file.read(PROBED)


if __name__ == "__main__":
    main()
