"""Commands ``status``, ``dashboard`` and ``quit``."""

import contextlib
import time
from pathlib import PurePath
from typing import Any

import psutil

from server.bridge import discovery
from server.commands.hub_client import HubClient, connect, connect_or_start
from server.commands.terminal.output import echo, outcome_style, print_json, shortened, size_of
from server.commands.terminal.page import open_page
from server.commands.terminal.stages import stage_words
from server.common.control_characters import in_line
from server.common.errors import HubUnreachable
from server.config.folders import Folders
from server.web.instance import is_claimed

CLOSE_SECONDS = 10.0
"""Timeout for the process of a hub that has stopped answering to exit (seconds)."""
QUIT_SECONDS = 60.0
"""Timeout for the hub to finish running work (seconds)."""
LONGEST_TASK = 60
"""Maximum length of a task in a line about running work (characters)."""


def show_status(folders: Folders, *, as_json: bool) -> None:
    """Print the hub's state, or a line saying that the hub is starting.

    Raises:
        HubUnreachable: no hub is running.
    """
    try:
        hub = connect(folders)
    except HubUnreachable:
        if not is_claimed(folders):
            raise
        _show_starting(as_json=as_json)
        return
    snapshot = hub.get("/api/status")
    if as_json:
        where = {"config_file": str(folders.config_file), "data_folder": str(folders.data)}
        print_json({**snapshot, **where, "command": hub.info.command})
        return
    engine = snapshot["engine"]
    echo(snapshot["state"], nl=False, style=outcome_style(snapshot["state"]))
    echo(f"  {snapshot['url']}  (version {snapshot['version']})")
    if hub.info.command:
        runs = f"`{hub.info.command}` (process {hub.info.pid}) runs its own hub and engine until it ends"
        echo(f"command  {in_line(runs)}")
    echo(f"engine   {in_line(engine['label'] or 'none yet')}")
    if engine["error"]:
        echo(f"problem  {in_line(engine['error'])}", style="red")
    if engine["notice"]:
        echo(f"notice   {in_line(engine['notice'])}")
    for held in snapshot["on_hold"]:
        echo(f"on hold  {in_line(held)}", style="yellow")
    for activity in snapshot["activities"]:
        echo(in_line(activity_line(activity)))
    for model in engine["loaded"]:
        echo(in_line(f"loaded   {model['name']}  {size_of(model['size'])}".rstrip()))
    for offload in snapshot["running"]:
        echo(in_line(_running(offload)))
    _show_savings(snapshot)
    if folders.config_file.exists():
        echo(f"settings {in_line(str(folders.config_file))}")
    else:
        echo(f"settings defaults; changes go to {in_line(str(folders.config_file))}")


def _show_savings(snapshot: dict[str, Any]) -> None:
    echo(f"saved    {_saved(snapshot['saved_today'])} today, {_saved(snapshot['saved_all'])} in total")
    everything = snapshot["saved_all"]
    if everything["by_user"]:
        echo(
            f"your own calls: {everything['by_user']:,} of {everything['offloads']:,} (no savings counted); "
            f"made by Claude, they would have saved {everything['would_save_tokens']:+,} tokens"
        )


def _show_starting(*, as_json: bool) -> None:
    if as_json:
        print_json({"state": "starting"})
    else:
        echo("starting", nl=False, style="yellow")
        echo("  The hub is starting and does not answer yet. Try again in a few seconds.")


def open_dashboard(folders: Folders, *, only_print: bool = False) -> None:
    """Open the running hub's dashboard, or only print a login link. If there is no hub, start one.

    Raises:
        HubUnreachable: the hub does not start.
    """
    url = connect_or_start(folders).post("/api/login")["url"]
    if only_print:
        echo(url)
    else:
        open_page(url)


def quit_app(folders: Folders) -> None:
    """Stop the running hub and wait for it to exit.

    Raises:
        HubUnreachable: no hub is running, or the hub does not exit.
    """
    quit_hub(folders, connect(folders))
    echo("Claude Token Saver has stopped. `token-saver` starts it again.")


def quit_hub(folders: Folders, hub: HubClient) -> None:
    """Stop a hub and wait for its process to exit.

    Raises:
        HubUnreachable: the process does not exit.
    """
    hub.post("/api/quit")
    deadline = time.monotonic() + QUIT_SECONDS
    while (left := discovery.find_running(str(folders.state))) is not None and left.pid == hub.info.pid:
        if time.monotonic() > deadline:
            raise HubUnreachable(
                f"The hub (process {left.pid}) did not stop.", "Run `token-saver logs` for details."
            )
        time.sleep(0.05)
    # The hub no longer answers, but can still be closing its files.
    closed = time.monotonic() + CLOSE_SECONDS
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(hub.info.pid)
        # A zombie has closed its files and only waits for its parent, which may be waiting for this command.
        while time.monotonic() < closed and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)


def activity_line(activity: dict[str, Any]) -> str:
    """Return a line about a model that is being downloaded, loaded or measured."""
    line = f"{activity['phase']:<8} {activity['model']}"
    if not activity["total"]:
        return line
    if activity["phase"] == "measure":
        return f"{line}  {activity['completed']} of {activity['total']} steps"
    return f"{line}  {activity['completed'] / 1e6:,.0f} of {activity['total'] / 1e6:,.0f} MB"


def _running(offload: dict[str, Any]) -> str:
    """Return a line about an offload that runs or waits for the engine, with its id and output."""
    speed = f"{offload['tokens']} tokens, {offload['tokens_per_second']:.1f}/s" if offload["tokens"] else ""
    waits = offload["stage"] == "queue"
    state, stage = ("waiting ", "") if waits else ("running ", stage_words(offload["stage"]))
    written = f"→ {PurePath(offload['output']).name}" if offload["output"] else ""
    task = shortened(" ".join(offload["task"].split()), LONGEST_TASK)
    return "  ".join(part for part in (f"{state} {offload['id']}", stage, task, written, speed) if part)


def _saved(totals: dict[str, Any]) -> str:
    return f"{totals['net_tokens']:+,} tokens net"
