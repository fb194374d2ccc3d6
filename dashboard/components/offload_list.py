"""Offloads as a list, each a link to all about it."""

from collections.abc import Sequence
from pathlib import PurePath

from dashboard import formats
from dashboard.components.clock import Clock
from dashboard.components.net import net
from dashboard.components.outcome import outcome_badge
from dashboard.components.text import box, link, text
from server.store.records import OffloadRow

COLUMNS = ("Outcome", "Task", "Time", "Net tokens", "When")


def offload_list(rows: Sequence[OffloadRow], clock: Clock, *, head: bool = False) -> None:
    """Show the rows in their order; ``head`` names the columns."""
    with box("offloads"):
        if head:
            with box("offload offloads-head") as names:
                names.props["aria-hidden"] = "true"
                for name in COLUMNS:
                    text(name)
        with box("rows", "ul"):
            for row in rows:
                with box("", "li"), link(f"/offload/{row.id}", "offload"):
                    _row(row, clock)


def _row(row: OffloadRow, clock: Clock) -> None:
    outcome_badge(row.outcome, undone=row.undone)
    with box("offload-task", "span"):
        text(title(row), "task", title=row.task[:1000])
        text(_about(row), "sub", title=_about_in_full(row))
    text(formats.duration(row.seconds) if row.ended_at else "", "num offload-time")
    if row.ended_at is None:
        text("", "num")
    else:
        net(row.net_tokens, row.net_microusd)
    clock.ago(row.started_at, "offload-when")


def title(row: OffloadRow) -> str:
    """The task on one line; where contents are not kept, the tool's name."""
    return formats.one_line(row.task) or f"{row.tool} (the text was not kept)"


def _about(row: OffloadRow) -> str:
    failed = row.outcome not in ("delivered", "returned", "running")
    if failed and row.summary:
        return formats.one_line(row.summary.removeprefix(f"{row.code}: "))
    output = PurePath(row.output).name if row.output else "no file"
    return " · ".join(part for part in (f"→ {output}", row.model, row.client) if part)


def _about_in_full(row: OffloadRow) -> str:
    return "\n".join(part for part in (row.output or "", row.summary[:500], row.project) if part)
