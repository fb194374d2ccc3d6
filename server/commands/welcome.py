"""Start-up message: the dashboard's address, the engine in use, and how to connect Claude."""

import os
import shlex
import sys
import time
from collections.abc import Mapping

import typer

from server.clients.bridge_command import bridge_command
from server.common.control_characters import in_line
from server.config.folders import HOME_VARIABLE, chosen_home
from server.engine.view import LOOKING
from server.hub import Hub

DISCOVERY_SECONDS = 3.0
"""Maximum wait for an engine to be found (seconds)."""


def say_ready(hub: Hub, *, with_link: bool) -> None:
    """Print the start-up message. Use ``with_link`` only if a user reads it; a log would keep the link."""
    typer.echo(f"Claude Token Saver {hub.version}")
    if with_link:
        typer.echo(f"  Dashboard    {hub.login_link()}")
        typer.echo(f"               (this link works once; `{typed(os.environ)} dashboard` creates another)")
    else:
        typer.echo(f"  Dashboard    `{typed(os.environ)} dashboard`")
    typer.echo(f"  Engine       {in_line(_engine(hub))}")
    typer.echo(f"  Clients      `{typed(os.environ)} connect claude-code`, or `connect --help` for others")
    sys.stdout.flush()


def say_no_tray(reason: str) -> None:
    """Print that the hub runs without a tray icon."""
    typer.echo(f"  Tray         {reason}")
    sys.stdout.flush()


def typed(environ: Mapping[str, str]) -> str:
    """Return how the user runs ``token-saver``. Programs started with ``uv run`` may not be on PATH."""
    return "uv run token-saver" if "UV_RUN_RECURSION_DEPTH" in environ else "token-saver"


def connect_line() -> str:
    """Return the command that connects Claude Code, with absolute paths because desktop clients have a
    different PATH.
    """
    home = chosen_home(os.environ)
    options = ["--scope", "user", *([] if home is None else ["--env", f"{HOME_VARIABLE}={home}"])]
    return f"claude mcp add token-saver {_quoted(options)} -- {_quoted(bridge_command())}"


def _quoted(command: list[str]) -> str:
    if sys.platform == "win32":
        return " ".join(f'"{part}"' if " " in part else part for part in command)
    return shlex.join(command)


def _engine(hub: Hub) -> str:
    deadline = time.monotonic() + DISCOVERY_SECONDS
    while time.monotonic() < deadline:
        view = hub.snapshot().engine
        if view.label or view.error not in ("", LOOKING):
            return view.error or view.label
        time.sleep(0.05)
    return "still searching; see the dashboard"
