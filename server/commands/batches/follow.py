"""Live progress of a batch: a table in a terminal, an occasional line elsewhere."""

import sys
import time
from typing import TYPE_CHECKING, Any

from server.batch.reply import in_words
from server.commands.hub_client import HubClient
from server.commands.terminal.output import shortened
from server.commands.terminal.progress import LOGGED_SECONDS
from server.common.control_characters import in_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

LOOK_SECONDS = 0.5
"""Polling interval for the batch (seconds)."""


def follow(hub: HubClient, job_id: str) -> dict[str, Any]:
    """Show the batch until it ends or pauses. Return its final state as sent by ``web.job_route``.

    Raises:
        HubUnreachable: the hub no longer answers.
        HubAnswered: the batch does not exist.
        KeyboardInterrupt: the user stopped watching; the batch continues.
    """
    return _follow_live(hub, job_id) if sys.stderr.isatty() else _follow_log(hub, job_id)


def progress_line(job: dict[str, Any]) -> str:
    """Return a one-line summary of the batch's progress."""
    wrong = f", {job['unsuccessful']:,} without a result" if job["unsuccessful"] else ""
    left = f", about {in_words(job['seconds_left'])} left" if job["seconds_left"] else ""
    return f"{job['ended']:,} of {job['total']:,} done{wrong}{left}"


def _follow_log(hub: HubClient, job_id: str) -> dict[str, Any]:
    printed = time.monotonic()
    while (job := _look(hub, job_id))["state"] == "running":
        if time.monotonic() - printed >= LOGGED_SECONDS:
            printed = time.monotonic()
            sys.stderr.write(f"{progress_line(job)}\n")
        time.sleep(LOOK_SECONDS)
    return job


def _follow_live(hub: HubClient, job_id: str) -> dict[str, Any]:
    # Imported here because the import takes longer than a short command.
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while (job := _look(hub, job_id))["state"] == "running":
            live.update(_table(job, console), refresh=True)
            time.sleep(LOOK_SECONDS)
    return job


def _table(job: dict[str, Any], console: "Console") -> "RenderableType":
    from rich.console import Group  # noqa: PLC0415
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("file", "stage"):
        table.add_column(name, no_wrap=True)
    for name in ("tokens", "tokens/s"):
        table.add_column(name, justify="right", no_wrap=True)
    room = max(20, console.width - 40)
    for each in job["running"]:
        what = shortened(in_line(each["output"] or each["task"]), room)
        speed = f"{each['tokens_per_second']:.0f}" if each["tokens"] else ""
        table.add_row(Text(what), Text(each["stage"], "cyan"), f"{each['tokens']:,}", speed)
    bar = ProgressBar(total=max(1, job["total"]), completed=job["ended"], width=min(48, console.width))
    return Group(bar, Text(progress_line(job)), table)


def _look(hub: HubClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = hub.get(f"/api/jobs/{job_id}")
    return job
