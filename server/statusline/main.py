"""The status line command: reads Claude Code's session as JSON from standard input and prints a line of text.

If the user already had a status line, it runs first and stays on top; see ``WRAPPED``.
"""

from __future__ import annotations

import os
import sys
import time

from server.bridge import discovery, wire
from server.bridge.http1 import HubConnection
from server.bridge.hub_identity import demand_proof
from server.bridge.plain_json import loads

TYPE_CHECKING = False  # `typing` takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PATH = "/api/statusline"
WRAPPED = "--wrap"
"""The argument that precedes the user's own command."""
WRAPPED_HEX = "--wrap-hex"
"""The same in a command for Windows, where the user's command is written in hexadecimal digits."""
HOME = "--home"
"""The argument in a command for Windows that precedes ``TOKEN_SAVER_HOME``."""
MOST_NAME = 60
"""Maximum characters of a model's name."""
HUB_SECONDS = 0.3
"""Timeout for the hub (seconds). It normally takes a few milliseconds."""
WRAPPED_SECONDS = 5.0
"""Timeout for the user's own command (seconds)."""


def main() -> None:
    """Print the user's own status line, if any, with the app's line below it. Always exits with status 0."""
    raw = sys.stdin.buffer.read()
    arguments = sys.argv[1:]
    if WRAPPED in arguments:
        sys.stdout.buffer.write(run_wrapped(arguments[arguments.index(WRAPPED) + 1], raw))
    try:
        session: Any = loads(raw)
    except (ValueError, RecursionError):
        session = {}
    line = status_line(session if isinstance(session, dict) else {}, ask_hub(session))
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def run_wrapped(command: str, session: bytes) -> bytes:
    """Return the output of the user's own command, with a trailing newline."""
    import subprocess  # noqa: PLC0415 - takes longer to import than all else here

    try:
        done = subprocess.run(
            in_shell(command, sys.platform, os.environ),
            input=session,
            stdout=subprocess.PIPE,
            timeout=WRAPPED_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return b""
    output = done.stdout.rstrip(b"\n")
    return output + b"\n" if output else b""


def in_shell(command: str, platform: str, environ: Mapping[str, str]) -> list[str]:
    """Return the program and arguments that run the user's own command in the shell that Claude Code uses.
    On Windows this is Git Bash if it is installed, otherwise PowerShell.
    """
    if platform != "win32":
        return ["/bin/sh", "-c", command]
    places = [environ.get("CLAUDE_CODE_GIT_BASH_PATH", "")]
    for variable, inner in (
        ("PROGRAMFILES", "Git"),
        ("PROGRAMFILES(X86)", "Git"),
        ("LOCALAPPDATA", "Programs/Git"),
    ):
        if environ.get(variable):
            places.append(f"{environ[variable]}/{inner}/bin/bash.exe")
    bash = next((place for place in places if place and os.path.isfile(place)), "")  # noqa: PTH113 - faster
    return [bash, "-c", command] if bash else ["powershell", "-NoProfile", "-Command", command]


def status_line(session: dict[str, Any], hub: dict[str, Any] | None) -> str:
    """Return the status line. ``hub`` is the hub's answer, or None if the hub is not running."""
    if hub is None:
        return "token-saver: not running"
    if hub.get("held_out"):
        return _joined(["token-saver: off in this session, as a baseline for the savings"], session)
    state = _plain(str(hub.get("model") or "no model"))
    if hub.get("paused"):
        state = "paused"
    parts = [
        f"token-saver: {state}",
        f"saved {_short(hub.get('today'))} today, {_short(hub.get('session'))} here",
    ]
    return _joined(parts, session)


def _joined(parts: list[str], session: dict[str, Any]) -> str:
    week = _weekly(session)
    return " · ".join(parts if week is None else [*parts, f"week {week:.0f} %"])


def ask_hub(session: Any) -> dict[str, Any] | None:
    """Return the hub's figures for this session, or None if it does not answer in time."""
    folder = discovery.state_folder()
    info = discovery.read_hub_file(folder)
    if info is None:
        return None
    deadline = time.monotonic() + HUB_SECONDS
    name = session.get("session_id", "") if isinstance(session, dict) else ""
    token = discovery.read_token(folder)
    try:
        connection = HubConnection(info.address, HUB_SECONDS)
        try:
            demand_proof(connection, token)
            query = wire.percent_encoded(os.fsencode(str(name)))
            limits = session.get("rate_limits") if isinstance(session, dict) else None
            if isinstance(limits, dict):
                import json  # noqa: PLC0415 - takes milliseconds

                query += f"&limits={wire.percent_encoded(json.dumps(limits).encode())}"
            connection.send("GET", f"{PATH}?session={query}", {wire.AUTHORIZATION: wire.bearer(token)})
            connection.limit(max(0.01, deadline - time.monotonic()))
            answer = connection.answer()
            found: Any = loads(answer.body.read()) if answer.status == 200 else None
        finally:
            connection.close()
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _weekly(session: dict[str, Any]) -> float | None:
    """Return the percentage of the weekly quota used, or None if the client does not report it."""
    limits = session.get("rate_limits")
    week = limits.get("seven_day") if isinstance(limits, dict) else None
    used = week.get("used_percentage") if isinstance(week, dict) else None
    return float(used) if isinstance(used, int | float) else None


def _plain(name: str) -> str:
    """Return a model's name without characters that a terminal interprets; engines may send any name."""
    return "".join(character if character.isprintable() else "?" for character in name[:MOST_NAME])


def _short(tokens: Any) -> str:
    value = tokens if isinstance(tokens, int) else 0
    if abs(value) < 1_000:
        return str(value)
    return f"{value / 1_000:.1f}k" if abs(value) < 1_000_000 else f"{value / 1_000_000:.1f}M"
