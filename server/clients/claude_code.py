"""Connects Claude Code through its own ``claude mcp`` command, if installed.

Claude Code knows its own files best, and rewrites some of them while it is running.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from server.clients.config_change import ConfigChange, connected, entry_in, keep, plan_connect, write
from server.clients.config_files import SERVER_NAME, Place
from server.common.errors import ClientFailed
from server.common.processes import find_program
from server.config.folders import Folders

COMMAND_SECONDS = 60.0
"""Timeout for ``claude mcp`` (seconds). The command starts a full Claude Code instance."""


LEAST_VERSIONS: dict[str, tuple[int, ...]] = {"hook": (2, 1, 121), "digest": (2, 1, 121)}
"""The minimum Claude Code version for each extra.

Tested against real releases: 2.0.72 and 2.1.63 support neither hook because they do not recognise ``args`` in
a hook command, and 2.0.72 also ignores ``updatedToolOutput``. 2.1.121, 2.1.170 and 2.1.332 support digests of
Bash, Read and MCP results; 2.1.170 and 2.1.332 also support WebFetch digests and the reminder. The status
line and CLAUDE.md have no minimum version: even 2.0.72 handles both.
"""


def find_command() -> str | None:
    """Return the path of ``claude``, or None if it is not installed."""
    return find_program("claude")


def version_of(claude: str) -> tuple[int, ...] | None:
    """Return Claude Code's version, or None if its command does not report one."""
    try:
        done = subprocess.run(
            [claude, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(rb"(\d+)\.(\d+)\.(\d+)", done.stdout.strip())
    return tuple(int(part) for part in found.groups()) if found else None


def require_version(extras: Iterable[str]) -> None:
    """Reject extras that the installed Claude Code does not support.

    Raises:
        ClientFailed: Claude Code is too old.
    """
    needed = [(extra, LEAST_VERSIONS[extra]) for extra in extras if extra in LEAST_VERSIONS]
    claude = find_command() if needed else None
    installed = version_of(claude) if claude is not None else None
    for extra, least in needed:
        if installed is not None and installed < least:
            have, want = (".".join(map(str, each)) for each in (installed, least))
            raise ClientFailed(
                f"Claude Code {have} ignores --{extra}; it needs {want} or newer.",
                "Update Claude Code (`claude update`), then run the command again.",
            )


def add(claude: str, place: Place, folders: Folders) -> Path:
    """Have Claude Code add the entry for ``place``. Return the path of the original file's backup.

    Raises:
        ClientFailed: its command failed. The file has its previous content.
        BadArguments: the file is broken.
        OSError: the file or the backup cannot be written.
    """
    before = removed = _read(place.path)
    keep(ConfigChange(place, before, before), folders)
    try:
        if connected(place) is not None:
            # Claude Code refuses to add a name that exists.
            remove(claude, place)
            removed = _read(place.path)
        _run(claude, place, "add-json", "--scope", place.scope, SERVER_NAME, json.dumps(place.entry))
        # Claude Code drops unknown keys. Keys that the user added must stay.
        _write(plan_connect(place))
    except BaseException:
        _put_back(place, before, removed)
        raise
    return keep(ConfigChange(place, before, _read(place.path)), folders)


def remove(claude: str, place: Place) -> None:
    """Have Claude Code remove the entry.

    Raises:
        ClientFailed: its command failed.
    """
    _run(claude, place, "remove", "--scope", place.scope, SERVER_NAME)


def run_command(claude: str, folder: Path | None, *arguments: str) -> str:
    """Run a Claude Code command in ``folder`` and return its output.

    Raises:
        ClientFailed: it failed, or cannot be run.
    """
    try:
        done = subprocess.run(
            [claude, *arguments],
            cwd=folder,
            # With this variable set, the program would assume that it runs inside another Claude Code.
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
        raise ClientFailed(f"{claude} cannot be run: {error}.", _BY_HAND) from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise ClientFailed(f"`claude {' '.join(arguments[:2])}` failed: {said[0]}.", _BY_HAND)
    return done.stdout


def _put_back(place: Place, before: bytes | None, removed: bytes | None) -> None:
    """Put back what ``remove`` took from the file, but keep Claude Code's later changes."""
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
    # A project's servers belong to the folder in which the command runs.
    run_command(claude, place.path.parent if place.scope == "project" else None, "mcp", *arguments)


_BY_HAND = "Run `claude mcp list` to find the problem, then connect again."


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
