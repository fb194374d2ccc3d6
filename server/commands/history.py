"""Command ``history``: lists offloads from the history database. No hub needed."""

import asyncio
import datetime
from dataclasses import asdict

from server.commands.open_history import opened_history
from server.commands.terminal.output import echo, outcome_style, print_json, print_table, sign_style
from server.commands.terminal.pager import Paged
from server.common.control_characters import in_line
from server.config.folders import Folders
from server.store.records import AttemptRecord, OffloadDetail, OffloadFilter, OffloadRow

LONGEST_TASK = 100
PAGE = 200
WELL = frozenset({"delivered", "returned", "running"})
"""Outcomes that are not (yet) failures."""


def list_offloads(folders: Folders, limit: int, *, failed: bool, as_json: bool) -> None:
    """Print the newest ``limit`` offloads. With ``failed``, print only those that wrote nothing.

    Raises:
        StoreError: the history cannot be read.
    """
    rows = asyncio.run(_newest(folders, limit, failed=failed))
    if as_json:
        print_json([asdict(row) for row in rows])
    elif rows:
        print_table(
            ("id", "started", "outcome", "file", "net tokens", "task"),
            map(_cells, rows),
            paint={"outcome": outcome_style, "net tokens": sign_style},
            right=("net tokens",),
        )
    else:
        nothing = "No offload has failed." if failed else "Nothing has been offloaded yet."
        echo(f'{nothing} Try `token-saver offload "Write slugify(text) in Python" --output slug.py`.')


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
        page.add(f"strength: {row.strength}")
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
            found += [row for row in page if not failed or row.outcome not in WELL]
            if not page:
                break
            before = page[-1].id
    return tuple(found[:limit])


async def find_offload(folders: Folders, given: str) -> OffloadDetail:
    async with opened_history(folders) as history:
        return await history.find(given)


def _cells(row: OffloadRow) -> tuple[str, ...]:
    net = "" if row.outcome == "running" else f"{row.net_tokens:+,}"
    return (
        row.id,
        _when(row),
        _outcome(row),
        row.output or "",
        _own(row.would_save_tokens) if row.by_user and not row.net_tokens else net,
        " ".join(row.task.split())[:LONGEST_TASK],
    )


def _own(would_save: int) -> str:
    """Return the mark of the user's own call, with what it would have saved if Claude had made it."""
    return f"not by Claude ({would_save:+,})" if would_save else "not by Claude"


def _when(row: OffloadRow) -> str:
    return f"{datetime.datetime.fromtimestamp(row.started_at).astimezone():%Y-%m-%d %H:%M}"


def _outcome(row: OffloadRow) -> str:
    text = f"{row.outcome} ({row.code})" if row.code and row.code != row.outcome else row.outcome
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
