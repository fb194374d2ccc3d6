"""Connects Claude Code by its own command, ``claude mcp``, where that is installed.

It knows its files best, and some of them it rewrites while it runs.
"""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from server.clients.config_change import ConfigChange, connected, entry_in, keep, plan_connect, write
from server.clients.config_files import SERVER_NAME, Place
from server.common.errors import ClientFailed
from server.config.folders import Folders

COMMAND_SECONDS = 60.0
"""How long ``claude mcp`` may take (seconds); it starts a whole Claude Code."""


def find_command() -> str | None:
    """Return the path of ``claude``, None where it is not installed."""
    return shutil.which("claude")


def add(claude: str, place: Place, folders: Folders) -> Path:
    """Let Claude Code add the entry of ``place``; return where the file's old bytes are kept.

    Raises:
        ClientFailed: its command failed; the file has what it had.
        BadArguments: the file is broken.
        OSError: the file or the backup cannot be written.
    """
    before = removed = _read(place.path)
    keep(ConfigChange(place, before, before), folders)
    try:
        if connected(place) is not None:
            # An entry of that name would be an error.
            remove(claude, place)
            removed = _read(place.path)
        _run(claude, place, "add-json", "--scope", place.scope, SERVER_NAME, json.dumps(place.entry))
        # Keys that it does not know it leaves out; those that the user added shall stay.
        _write(plan_connect(place))
    except BaseException:
        _put_back(place, before, removed)
        raise
    return keep(ConfigChange(place, before, _read(place.path)), folders)


def remove(claude: str, place: Place) -> None:
    """Let Claude Code remove the entry.

    Raises:
        ClientFailed: its command failed.
    """
    _run(claude, place, "remove", "--scope", place.scope, SERVER_NAME)


def _put_back(place: Place, before: bytes | None, removed: bytes | None) -> None:
    """Give the file back what ``remove`` took, and let alone what else Claude Code wrote meanwhile."""
    now = _read(place.path)
    if before is None or now == before:
        return
    if now == removed:
        write(place.path, before)
    elif (entry := entry_in(before, place)) is not None:
        _write(plan_connect(replace(place, entry=entry)))


def _write(change: ConfigChange) -> None:
    if change.needed and change.after is not None:
        write(change.place.path, change.after)


def _run(claude: str, place: Place, *arguments: str) -> None:
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
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise ClientFailed(f"`claude mcp {arguments[0]}` failed: {said[0]}.", _BY_HAND)


_BY_HAND = "Run `claude mcp list` to see what is wrong, then connect again."


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
