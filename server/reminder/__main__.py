"""Answers one ``PreToolUse`` event: JSON on standard input, at most one reminder on standard output.

It never stops a call and keeps no state: a reminder of some sixty tokens comes with reads and writes that
cost thousands. What it cannot make sense of it lets pass in silence.
"""

import json
import sys
from pathlib import Path
from typing import Any

LARGE_READ = 32_000
"""Bytes of a file from which on a whole read is large: some 8,000 tokens or more."""
LARGE_WRITE = 8_000
"""Characters from which on a write is large: some 2,000 tokens that Claude wrote itself."""
PROBED = 1024
"""Bytes at a file's beginning that are looked at: text has no zero byte."""


def main() -> None:
    """Read the event, and print the reminder if there is one."""
    try:
        event = json.loads(sys.stdin.buffer.read())
        text = reminder(event["tool_name"], event["tool_input"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if text:
        print(json.dumps({"hookSpecificOutput": {"hookEventName": "PreToolUse", "additionalContext": text}}))  # noqa: T201 - the hook's answer


def reminder(tool: str, arguments: dict[str, Any]) -> str:
    """Return what to say of a call of Claude Code's tool, empty for most.

    Raises:
        OSError: the file cannot be read.
        KeyError: the arguments are not the tool's.
    """
    if tool == "Read":
        return _of_read(Path(arguments["file_path"]), arguments)
    if tool == "Write" and len(arguments["content"]) >= LARGE_WRITE:
        return (
            f"token-saver: {Path(arguments['file_path']).name} is long. If the next file like it is routine "
            "(tests, docstrings, boilerplate, a conversion), offload_work(task, files, output) writes it "
            "without you, after an example among its files, and checks it first."
        )
    return ""


def _of_read(path: Path, arguments: dict[str, Any]) -> str:
    # With a part named Claude has chosen already what it needs.
    if arguments.get("offset") or arguments.get("limit"):
        return ""
    size = path.stat().st_size
    if size < LARGE_READ or not path.is_file() or _is_binary(path):
        return ""
    return (
        f"token-saver: {path.name} has {size // 1000} kB. If you only want to know what is in it, "
        "compress_context(files, focus) gives a digest with literal quotes; if the work on it is routine, "
        "offload_work(task, files, output) reads it without you. Read it where its exact text matters."
    )


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" in file.read(PROBED)


if __name__ == "__main__":
    main()
