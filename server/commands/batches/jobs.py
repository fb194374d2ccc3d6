"""Commands ``batch`` and ``jobs``: run one task on many files."""

import asyncio
import datetime
import re
from collections.abc import Collection
from dataclasses import asdict
from typing import Annotated, Any

import typer

from server.batch.reply import why
from server.bridge.discovery import find_running
from server.commands.batches.follow import follow
from server.commands.hub_client import HubAnswered, HubClient, connect_or_start
from server.commands.terminal.output import (
    Json,
    echo,
    outcome_style,
    print_json,
    print_table,
    shortened,
    sign_style,
)
from server.commands.terminal.progress import progress_bar
from server.config.folders import Folders, find_folders
from server.store.job_records import ItemRecord, JobCounts, JobRecord

LONGEST_TASK = 100
UNFINISHED = 3
"""Exit status of ``batch`` if some files have no result."""
INTERRUPTED = 130
_JOB = re.compile(r"\bj[0-9a-f]{8}\b")
Item = Annotated[
    int | None, typer.Option("--item", min=0, help="Number of the item, counted from 0 (see `jobs show`).")
]
JobId = Annotated[
    str, typer.Argument(metavar="ID", help="Id from `token-saver jobs`, or a unique prefix of it.")
]

jobs_app = typer.Typer(help="Batches: list, wait, show, pause, resume, cancel, retry.")


def batch(
    task: Annotated[str, typer.Argument(help="What to do with each file.")],
    each: Annotated[list[str], typer.Option("--each", help="Path, glob or path::*; repeatable.")],
    output: Annotated[str, typer.Option("--output", "-o", help='"{path}" edits in place.')],
    *,
    file: Annotated[list[str] | None, typer.Option("--file", "-f", help="Input for every task.")] = None,
    model: Annotated[str, typer.Option("--model", help="Model to use.")] = "",
    check: Annotated[str, typer.Option(help="Name of a check from config.toml.")] = "",
    hours: Annotated[
        float,
        typer.Option(
            min=0, help="Stop after this many hours. With 0, `max_hours` from the settings applies."
        ),
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the files that would be written.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait until the batch ends.")] = False,
    as_json: Json = False,
) -> None:
    """Run one task on each of many files, and wait for the results."""
    arguments = {
        "task": task,
        "each": each,
        "output": output,
        "files": file or [],
        "model": model,
        "check": check,
        "dry_run": dry_run,
        "max_hours": hours,
        # The hub runs the job, so the shell can be closed.
        "wait": False,
    }
    hub = connect_or_start(find_folders())
    text = _call(
        hub, "batch_offload", {key: value for key, value in arguments.items() if value not in ("", [])}
    )
    job_id = _JOB.search(text)
    if dry_run or job_id is None:
        _print(text, {"text": text}, as_json=as_json)
        return
    if detach:
        _print(text, {"id": job_id[0], "text": text}, as_json=as_json)
        return
    job = _followed(hub, job_id[0])
    _print(job["text"], job, as_json=as_json)
    if job["unsuccessful"] or job["state"] != "done":
        raise typer.Exit(UNFINISHED)


@jobs_app.callback(invoke_without_command=True)
def jobs(context: typer.Context, as_json: Json = False) -> None:
    """List the batches, newest first."""
    if context.invoked_subcommand is None:
        _list(find_folders(), as_json=as_json)


@jobs_app.command("list")
def list_jobs(as_json: Json = False) -> None:
    """List the batches, newest first."""
    _list(find_folders(), as_json=as_json)


@jobs_app.command()
def wait(
    job: JobId,
    seconds: Annotated[int, typer.Option(min=1, max=1800, help="Maximum wait in seconds.")] = 600,
    as_json: Json = False,
) -> None:
    """Wait until a batch ends, then print its result."""
    _act(job, as_json=as_json, wait=seconds)


@jobs_app.command()
def show(job: JobId, as_json: Json = False) -> None:
    """List the items with their states, and the reasons of those without a result."""
    asyncio.run(_show(find_folders(), job, as_json=as_json))


@jobs_app.command()
def pause(job: JobId, as_json: Json = False) -> None:
    """Pause a batch. Items that are running stop, and run again after `resume`."""
    _act(job, as_json=as_json, action="pause")


@jobs_app.command()
def resume(job: JobId, as_json: Json = False) -> None:
    """Continue a paused or stopped batch."""
    _act(job, as_json=as_json, action="resume")


@jobs_app.command()
def cancel(job: JobId, item: Item = None, as_json: Json = False) -> None:
    """Cancel the unfinished items, or a single item. Files already written are kept."""
    _act(job, as_json=as_json, action="cancel", **_at(item))


@jobs_app.command()
def retry(job: JobId, item: Item = None, as_json: Json = False) -> None:
    """Retry the failed items, or a single item."""
    _act(job, as_json=as_json, action="retry", **_at(item))


async def _show(folders: Folders, given: str, *, as_json: bool) -> None:
    # Imported here because loading the database layer takes time that other commands do not need.
    from server.commands.open_history import opened_history  # noqa: PLC0415
    from server.store.job_ids import find_job_id  # noqa: PLC0415
    from server.store.jobs import Jobs  # noqa: PLC0415

    async with opened_history(folders) as history:
        store = Jobs(history.database)
        job_id = await find_job_id(history.database, given)
        record, counts = await store.get(job_id), await store.counts(job_id)
        items = await store.items(job_id, limit=counts.total)
        undone = await history.undone(job_id)
    if as_json:
        facts = asdict(record) if record is not None else {}
        print_json({**facts, **asdict(counts), "items": [asdict(each) for each in items]})
        return
    print_table(
        ("item", "state", "file", "offload", "reason"),
        [item_cells(each, undone) for each in items],
        paint={"state": outcome_style},
        right=("item",),
    )


def item_cells(item: ItemRecord, undone: Collection[str] = ()) -> tuple[str, ...]:
    """Return an item of a batch as the cells of a table. ``undone`` holds the ids of the undone offloads."""
    file = item.arguments.get("output") or ", ".join(item.arguments.get("files") or ())
    reason = why(item.code, item.summary) if item.code else ""
    state = "undone" if item.offload_id in undone else item.state
    return str(item.position), state, str(file), item.offload_id or "", reason


def _at(item: int | None) -> dict[str, Any]:
    return {} if item is None else {"item": item}


def _act(job: str, *, as_json: bool, **arguments: Any) -> None:
    folders = find_folders()
    job = asyncio.run(_job_id(folders, job))
    hub = connect_or_start(folders)
    text = _call(hub, "check_job", {"job": job, **arguments})
    if as_json:
        facts = hub.get(f"/api/jobs/{job}")
        print_json({**facts, "text": text})
    else:
        echo(text)


def _followed(hub: HubClient, job_id: str) -> dict[str, Any]:
    try:
        return follow(hub, job_id)
    except KeyboardInterrupt:
        echo(
            f"The batch continues. `token-saver jobs wait {job_id}` waits for it; `jobs cancel` cancels it.",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def _call(hub: HubClient, tool: str, arguments: dict[str, Any]) -> str:
    with progress_bar() as bar:
        answer = hub.call_tool(tool, arguments, bar.show)
    if answer.failed:
        raise HubAnswered(answer.text)
    return answer.text


def _print(text: str, facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        echo(text)


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
            shortened(" ".join(job.task.split()), LONGEST_TASK),
        )
        for job, counts in found
    ]
    if rows:
        print_table(
            ("job", "started", "state", "done", "net tokens", "task"),
            rows,
            paint={"state": outcome_style, "net tokens": sign_style},
            right=("done", "net tokens"),
        )
    else:
        echo('No batches yet. Start one with `token-saver batch "…" --each "src/*.py" --output "{path}"`.')


def state_of(job: JobRecord, counts: JobCounts, *, hub_runs: bool) -> str:
    """Return a batch's state for the list, noting any failures and a missing hub."""
    if job.state == "done" and counts.unsuccessful:
        return f"done, {counts.unsuccessful} failed"
    return "waiting for the hub" if job.state == "running" and not hub_runs else job.state


async def _job_id(folders: Folders, given: str) -> str:
    # Imported here because loading the database layer takes time that other commands do not need.
    from server.commands.open_history import opened_history  # noqa: PLC0415
    from server.store.job_ids import find_job_id  # noqa: PLC0415

    async with opened_history(folders) as history:
        return await find_job_id(history.database, given)


async def _read(folders: Folders) -> list[tuple[JobRecord, JobCounts]]:
    # Imported here because loading the database layer takes time that other commands do not need.
    from server.commands.open_history import opened_history  # noqa: PLC0415
    from server.store.jobs import Jobs  # noqa: PLC0415

    async with opened_history(folders) as history:
        store = Jobs(history.database)
        return [(job, await store.counts(job.id)) for job in await store.page()]
