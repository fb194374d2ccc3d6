"""Command ``history``: lists offloads from the history database. No hub needed."""

import asyncio
import contextlib
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from server.commands.hub_client import connect
from server.commands.open_history import opened_history
from server.commands.terminal.output import (
    echo,
    outcome_style,
    print_json,
    print_table,
    shortened,
    sign_style,
)
from server.commands.terminal.pager import Paged
from server.common.control_characters import in_line
from server.common.errors import TokenSaverError
from server.common.outcome_words import outcome_word
from server.config.folders import Folders
from server.store.job_ids import find_job_id, offload_ids
from server.store.records import AttemptRecord, OffloadDetail, OffloadFilter, OffloadRow

LONGEST_TASK = 100
PAGE = 200
WELL = frozenset({"delivered", "returned", "running"})
"""Outcomes that are not (yet) failures."""
FAILED = frozenset({"failed", "handed_back", "interrupted"})
"""Outcomes that ``--failed`` shows. A cancelled or denied call is a decision, not a failure."""


def list_offloads(folders: Folders, limit: int, *, failed: bool, as_json: bool) -> None:
    """Print the newest ``limit`` offloads. With ``failed``, print only those that failed.

    Raises:
        StoreError: the history cannot be read.
    """
    rows = asyncio.run(_newest(folders, limit, failed=failed))
    if rows or as_json:
        _list(folders, rows, as_json=as_json)
    else:
        nothing = "No offload has failed." if failed else "Nothing has been offloaded yet."
        echo(f"{nothing} Try the example at the end of `token-saver offload --help`.")


def list_batch(folders: Folders, given: str, limit: int, *, failed: bool, as_json: bool) -> None:
    """Print the offloads of one batch, newest first.

    Raises:
        NotFound: no batch has this id, or several ids start with it.
        StoreError: the history cannot be read.
    """
    job_id, rows = asyncio.run(_of_batch(folders, given))
    rows = tuple(row for row in rows if not failed or row.outcome in FAILED)[:limit]
    if rows or as_json:
        _list(folders, rows, as_json=as_json)
    else:
        echo(f"Batch {job_id} has no {'failed ' if failed else ''}offloads.")


def show_offload(folders: Folders, given: str, *, as_json: bool) -> None:
    """Print one offload: summary, checks, savings and diff, or the last answer if nothing was written.

    Raises:
        NotFound: no offload has this id, or several ids start with it.
        StoreError: the history cannot be read.
    """
    detail = asyncio.run(find_offload(folders, given))
    if as_json:
        facts = asdict(detail)
        facts["undo"] = detail.undo.path if detail.undo and not detail.row.undone else None
        print_json(facts)
        return
    with Paged() as page:
        _show(page, detail)


def _list(folders: Folders, rows: Sequence[OffloadRow], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    stages = _stages(folders) if any(row.outcome == "running" for row in rows) else {}
    print_table(
        ("id", "started", "result", "saved", "file", "task"),
        [_cells(row, stages) for row in rows],
        paint={"result": outcome_style, "saved": sign_style},
        right=("saved",),
    )


def _stages(folders: Folders) -> dict[str, str]:
    """Return the stage of each offload that the hub runs now, by id. It is empty without a hub."""
    with contextlib.suppress(TokenSaverError):
        return {each["id"]: each["stage"] for each in connect(folders).get("/api/status")["running"]}
    return {}


def _show(page: Paged, detail: OffloadDetail) -> None:
    row = detail.row
    page.add(
        in_line(
            f"{row.id}  {_when(row)}  {_outcome(row)}  {row.tool} by {row.client}, {row.model}".strip(", ")
        ),
        "bold",
    )
    page.add(f"task: {row.task}")
    if row.summary:
        page.add(row.summary)
    if row.strength:
        page.add(f"evidence: {row.strength}")
    for notice in detail.notices:
        page.add(f"Notice: {notice}", "yellow")
    for attempt in detail.attempts:
        page.add(in_line(_attempt(attempt)))
    page.add(_receipt(detail))
    if detail.diff:
        page.add("")
        page.add_diff(detail.diff.rstrip())
    elif row.outcome not in WELL and detail.attempts and detail.attempts[-1].answer:
        page.add(f"\nLast answer (not written):\n{detail.attempts[-1].answer.rstrip()}")


async def _newest(folders: Folders, limit: int, *, failed: bool) -> tuple[OffloadRow, ...]:
    found: list[OffloadRow] = []
    before = None
    async with opened_history(folders) as history:
        while len(found) < limit:
            page = await history.page(OffloadFilter(), min(PAGE, limit) if not failed else PAGE, before)
            found += [row for row in page if not failed or row.outcome in FAILED]
            if not page:
                break
            before = page[-1].id
    return tuple(found[:limit])


async def _of_batch(folders: Folders, given: str) -> tuple[str, tuple[OffloadRow, ...]]:
    async with opened_history(folders) as history:
        job_id = await find_job_id(history.database, given)
        found = [await history.get(each) for each in await offload_ids(history.database, job_id, PAGE)]
    return job_id, tuple(detail.row for detail in found if detail is not None)


async def find_offload(folders: Folders, given: str) -> OffloadDetail:
    async with opened_history(folders) as history:
        return await history.find(given)


def _cells(row: OffloadRow, stages: Mapping[str, str]) -> tuple[str, ...]:
    net = "" if row.outcome == "running" else f"{row.net_tokens:+,}"
    return (
        row.id,
        _when(row),
        _state(row, stages) if row.outcome == "running" else _outcome(row),
        _own(row.would_save_tokens) if row.by_user and not row.net_tokens else net,
        row.output or "",
        shortened(" ".join(row.task.split()), LONGEST_TASK),
    )


def _state(row: OffloadRow, stages: Mapping[str, str]) -> str:
    """Return whether an unfinished offload waits or runs. Without its hub, it was interrupted."""
    stage = stages.get(row.id)
    return "interrupted" if stage is None else "waiting" if stage == "queue" else "running"


def _own(would_save: int) -> str:
    """Return the mark of the user's own call, with what it would have saved if Claude had made it."""
    return f"by you ({would_save:+,})" if would_save else "by you"


def _when(row: OffloadRow) -> str:
    return f"{datetime.datetime.fromtimestamp(row.started_at).astimezone():%Y-%m-%d %H:%M}"


def _outcome(row: OffloadRow) -> str:
    """Return the outcome with its reason, or with the evidence for the result."""
    more = row.strength if row.code in ("", row.outcome) else row.code
    text = outcome_word(row.outcome) + (f" ({more})" if more else "")
    return f"{text}, undone" if row.undone else text


def _attempt(attempt: AttemptRecord) -> str:
    checks = [each.name if each.passed else f"{each.name} failed: {each.message}" for each in attempt.checks]
    return f"try {attempt.number}: {', '.join(checks) or 'not checked'}"


def _receipt(detail: OffloadDetail) -> str:
    if detail.row.by_user and not detail.row.net_tokens:
        return f"net 0: {_own(detail.row.would_save_tokens)}"
    receipt = detail.receipt
    if receipt is None:
        return f"net {detail.row.net_tokens:+,} tokens"
    saved = receipt.spared_input + receipt.spared_output
    cost = receipt.spent_input + receipt.spent_output + receipt.spent_share
    return f"saved {saved:,}, cost {cost:,}, net {receipt.net_tokens:+,} tokens"
