"""The hook's command: one ``PreToolUse`` event as JSON on standard input, at most one reminder as output.

The hook never blocks a call and keeps no state. A reminder takes about 60 tokens and accompanies reads and
writes that cost thousands. Events that it cannot parse pass without output.
"""

import json
import sys
from pathlib import Path
from typing import Any

LARGE_READ = 32_000
"""File size in bytes from which a complete read counts as large: about 8,000 tokens."""
LARGE_WRITE = 8_000
"""Length in characters from which a write counts as large: about 2,000 tokens written by Claude."""
PROBED = 1024
"""Bytes checked at the beginning of a file: text has no zero bytes."""


def main() -> None:
    """Read the event and print the reminder, if any."""
    try:
        event = json.loads(sys.stdin.buffer.read())
        text = reminder(event["tool_name"], event["tool_input"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if text:
        print(json.dumps({"hookSpecificOutput": {"hookEventName": "PreToolUse", "additionalContext": text}}))  # noqa: T201 - the hook's answer


def reminder(tool: str, arguments: dict[str, Any]) -> str:
    """Return the reminder for a call of Claude Code's tool, empty for most calls.

    Raises:
        OSError: the file cannot be read.
        KeyError: the arguments are not the tool's.
    """
    if tool == "Read":
        return _of_read(Path(arguments["file_path"]), arguments)
    if tool == "Write" and len(arguments["content"]) >= LARGE_WRITE:
        return (
            f"token-saver: {Path(arguments['file_path']).name} is long. If the next file like it is routine "
            "(tests, docstrings, boilerplate, a conversion), offload_work(task, files, output) can write it "
            "after an example among its files, and check the result."
        )
    return ""


def _of_read(path: Path, arguments: dict[str, Any]) -> str:
    # When Claude names a part, it has already chosen what it needs.
    if arguments.get("offset") or arguments.get("limit"):
        return ""
    size = path.stat().st_size
    if size < LARGE_READ or not path.is_file() or _is_binary(path):
        return ""
    return (
        f"token-saver: {path.name} has {size // 1000} kB. If you only need an overview, "
        "compress_context(files, focus) returns a digest with literal quotes; if the work on it is routine, "
        "offload_work(task, files, output) reads it for you. Read it yourself if its exact text matters."
    )


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" in file.read(PROBED)


if __name__ == "__main__":
    main()
