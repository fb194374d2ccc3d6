"""Connects Claude Code by its own command, ``claude mcp``, where that is installed.

It knows its files best, and some of them it rewrites while it runs.
"""

import os
import shutil
import subprocess
from pathlib import Path

from server.clients.connection import Change, keep
from server.clients.places import SERVER_NAME, Place
from server.errors import ClientFailed
from server.folders import Folders

COMMAND_SECONDS = 60.0
"""How long ``claude mcp`` may take (seconds); it starts a whole Claude Code."""


def find_command() -> str | None:
    """Return the path of ``claude``, None where it is not installed."""
    return shutil.which("claude")


def add(claude: str, place: Place, folders: Folders) -> Path:
    """Let Claude Code add the entry of ``place``; return where the file's old bytes are kept.

    Raises:
        ClientFailed: its command failed.
        OSError: the backup cannot be written.
    """
    before = _read(place.path)
    command = [place.entry["command"], *place.entry["args"]]
    # An entry of that name would be an error; that there is none is none.
    _run(claude, place, "remove", "--scope", place.scope, SERVER_NAME, may_fail=True)
    _run(claude, place, "add", "--scope", place.scope, SERVER_NAME, "--", *command)
    return keep(Change(place, before, _read(place.path)), folders)


def remove(claude: str, place: Place) -> None:
    """Let Claude Code remove the entry.

    Raises:
        ClientFailed: its command failed.
    """
    _run(claude, place, "remove", "--scope", place.scope, SERVER_NAME)


def _run(claude: str, place: Place, *arguments: str, may_fail: bool = False) -> None:
    # A project's servers are those of the folder that the command runs in.
    folder = place.path.parent if place.scope == "project" else None
    try:
        done = subprocess.run(
            [claude, "mcp", *arguments],
            cwd=folder,
            # It would take itself for a Claude Code inside of another.
            env={name: value for name, value in os.environ.items() if name != "CLAUDECODE"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClientFailed(f"{claude} did not run: {error}.", _BY_HAND) from None
    if done.returncode and not may_fail:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise ClientFailed(f"`claude mcp {arguments[0]}` failed: {said[0]}.", _BY_HAND)


_BY_HAND = "Run `claude mcp list` to see what is wrong, then connect again."


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
