"""Commands ``batch`` and ``jobs``: many files as one job."""

import asyncio
import datetime
from dataclasses import asdict
from typing import Annotated, Any

import typer

from server.bridge.discovery import find_running
from server.commands.hub_client import HubAnswered, connect_or_start
from server.commands.output import Json, ProgressLine, echo, print_json, print_table
from server.config.folders import Folders, find_folders
from server.store.job_records import JobCounts, JobRecord

LONGEST_TASK = 50
Item = Annotated[
    int | None, typer.Option("--item", min=0, help="Number of the item, from 0 (see `jobs show`).")
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="Id from `token-saver jobs`.")]

jobs_app = typer.Typer(help="Batches: list, wait, pause, resume, cancel, retry.")


def batch(
    task: Annotated[str, typer.Argument(help="What to do with each file.")],
    each: Annotated[list[str], typer.Option("--each", "-e", help="Path, glob or path::*; repeatable.")],
    output: Annotated[str, typer.Option("--output", "-o", help='"{path}" edits in place.')],
    *,
    file: Annotated[list[str] | None, typer.Option("--file", "-f", help="Input of every task.")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model to use.")] = "",
    check: Annotated[str, typer.Option(help="Name of a check from config.toml.")] = "",
    hours: Annotated[
        float, typer.Option(min=0, help="Stop after this many hours; 0: `max_hours` of the settings.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be written.")] = False,
) -> None:
    """Run one task for each of many files."""
    arguments = {
        "task": task,
        "each": each,
        "output": output,
        "files": file or [],
        "model": model,
        "check": check,
        "dry_run": dry_run,
        "max_hours": hours,
        # The job belongs to the hub, so the shell may close.
        "wait": False,
    }
    _call("batch_offload", {key: value for key, value in arguments.items() if value not in ("", [])})


@jobs_app.callback(invoke_without_command=True)
def jobs(context: typer.Context, as_json: Json = False) -> None:
    """List the batches, newest first."""
    if context.invoked_subcommand is None:
        _list(find_folders(), as_json=as_json)


@jobs_app.command()
def wait(
    job: JobId, seconds: Annotated[int, typer.Option(min=1, max=1800, help="Longest wait, seconds.")] = 600
) -> None:
    """Wait until a batch ends, and print its result."""
    _call("check_job", {"job": job, "wait": seconds})


@jobs_app.command()
def show(job: JobId) -> None:
    """List the failed items with the reason."""
    _call("check_job", {"job": job, "action": "items"})


@jobs_app.command()
def pause(job: JobId) -> None:
    """Start no further items."""
    _call("check_job", {"job": job, "action": "pause"})


@jobs_app.command()
def resume(job: JobId) -> None:
    """Continue a paused or stopped batch."""
    _call("check_job", {"job": job, "action": "resume"})


@jobs_app.command()
def cancel(job: JobId, item: Item = None) -> None:
    """Cancel the unfinished items, or one item; written files stay."""
    _call("check_job", {"job": job, "action": "cancel", **_at(item)})


@jobs_app.command()
def retry(job: JobId, item: Item = None) -> None:
    """Retry the failed items, or one of them."""
    _call("check_job", {"job": job, "action": "retry", **_at(item)})


def _at(item: int | None) -> dict[str, int]:
    return {} if item is None else {"item": item}


def _call(tool: str, arguments: dict[str, Any]) -> None:
    hub = connect_or_start(find_folders())
    line = ProgressLine()
    try:
        answer = hub.call_tool(tool, arguments, line.show)
    finally:
        line.clear()
    if answer.failed:
        raise HubAnswered(answer.text)
    echo(answer.text)


def _list(folders: Folders, *, as_json: bool) -> None:
    found = asyncio.run(_read(folders))
    if as_json:
        print_json([{**asdict(job), **asdict(counts)} for job, counts in found])
        return
    hub_runs = find_running(str(folders.state)) is not None
    rows = [
        (
            job.id,
            f"{datetime.datetime.fromtimestamp(job.created_at).astimezone():%Y-%m-%d %H:%M}",
            state_of(job, counts, hub_runs=hub_runs),
            f"{counts.successful}/{counts.total}",
            "not by Claude" if job.by_user and not counts.net_tokens else f"{counts.net_tokens:+,}",
            " ".join(job.task.split())[:LONGEST_TASK],
        )
        for job, counts in found
    ]
    if rows:
        print_table(("job", "started", "state", "done", "net tokens", "task"), rows)
    else:
        echo('No batches yet. Start one with `token-saver batch "…" --each "src/*.py" --output "{path}"`.')


def state_of(job: JobRecord, counts: JobCounts, *, hub_runs: bool) -> str:
    """Return a batch's state for the list, including failures and a missing hub."""
    if job.state == "done" and counts.unsuccessful:
        return f"done, {counts.unsuccessful} failed"
    return "waits for the hub" if job.state == "running" and not hub_runs else job.state


async def _read(folders: Folders) -> list[tuple[JobRecord, JobCounts]]:
    # Imported here because the database layer takes a moment that other commands do not need.
    from server.commands.open_history import opened_history  # noqa: PLC0415
    from server.store.jobs import Jobs  # noqa: PLC0415

    async with opened_history(folders) as history:
        store = Jobs(history.database)
        return [(job, await store.counts(job.id)) for job in await store.page()]
