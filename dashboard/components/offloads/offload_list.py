"""Offloads as a list, each a link to all about it."""

from collections.abc import Sequence
from pathlib import PurePath

from dashboard import formats
from dashboard.components.controls.elements import box, link, set_title, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.net_tokens import NetTokens
from dashboard.components.live.clock import Clock
from dashboard.components.offloads.outcome_badge import OutcomeBadge
from server.store.records import OffloadRow

COLUMNS = ("Outcome", "Task", "Time", "Net tokens", "When")


class OffloadList:
    """The rows in their order, changed in place; ``head`` names the columns."""

    def __init__(self, clock: Clock, *, head: bool = False) -> None:
        with box("offloads") as self.element:
            if head:
                with box("offload offloads-head") as names:
                    names.props["aria-hidden"] = "true"
                    for name in COLUMNS:
                        text(name)
            rows = box("rows", "ul")
        self._rows = KeyedList[OffloadRow](rows, lambda row: row.id, lambda row: _Row(row, clock))

    def update(self, rows: Sequence[OffloadRow]) -> None:
        """Show these rows."""
        self._rows.update(rows)


def offload_list(rows: Sequence[OffloadRow], clock: Clock) -> None:
    """Show rows that stay."""
    OffloadList(clock).update(rows)


class _Row:
    def __init__(self, row: OffloadRow, clock: Clock) -> None:
        with box("", "li") as self.element, link(f"/offload/{row.id}", "offload"):
            self._outcome = OutcomeBadge()
            with box("offload-task", "span"):
                text(title(row), "task", title=row.task[:1000])
                self._about = text("", "sub")
            self._time = text("", "num offload-time")
            self._net = NetTokens()
            clock.ago(row.started_at, "offload-when")

    def update(self, row: OffloadRow) -> None:
        self._outcome.update(row.outcome, undone=row.undone)
        self._about.set_text(_about(row))
        set_title(self._about, _about_in_full(row))
        if row.ended_at is None:
            self._time.set_text("")
            self._net.clear()
        else:
            self._time.set_text(formats.duration(row.seconds))
            self._net.update(row.net_tokens, row.net_microusd, by_user=row.by_user)


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
