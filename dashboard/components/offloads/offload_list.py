"""A list of offloads; each row links to that offload's page."""

from collections.abc import Sequence
from pathlib import PurePath

from dashboard import formats
from dashboard.components.controls.elements import box, link, set_title, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.net_tokens import NetTokens
from dashboard.components.live.clock import Clock
from dashboard.components.offloads.outcome_badge import OutcomeBadge
from server.store.records import OffloadRow

REVIEWS = {"kept": "reviewed: kept", "rerun": "reviewed: run again"}
"""Display text for the user's verdicts. An undone result has its own outcome."""
COLUMNS = ("Outcome", "Task", "Time", "Net tokens", "When")


class OffloadList:
    """The rows in the given order, updated in place. ``head`` adds column headings."""

    def __init__(self, clock: Clock, *, head: bool = False) -> None:
        with box("ts-offloads") as self.element:
            if head:
                with box("ts-offload ts-offloads-head") as names:
                    names.props["aria-hidden"] = "true"
                    for name in COLUMNS:
                        text(name)
            rows = box("ts-rows", "ul")
        self._rows = KeyedList[OffloadRow](rows, lambda row: row.id, lambda row: _Row(row, clock))

    def update(self, rows: Sequence[OffloadRow]) -> None:
        """Show these rows in the list."""
        self._rows.update(rows)


def offload_list(rows: Sequence[OffloadRow], clock: Clock) -> None:
    """Show rows that do not change."""
    OffloadList(clock).update(rows)


class _Row:
    def __init__(self, row: OffloadRow, clock: Clock) -> None:
        with box("", "li") as self.element, link(f"/offload/{row.id}", "ts-offload"):
            self._outcome = OutcomeBadge()
            with box("ts-offload-task", "span"):
                text(title(row), "ts-task", title=row.task[:1000])
                self._about = text("", "ts-sub")
            self._time = text("", "ts-num ts-offload-time")
            self._net = NetTokens()
            clock.ago(row.started_at, "ts-offload-when")

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
    """Return the task on one line, or the tool's name if the history does not keep contents."""
    return formats.one_line(row.task) or f"{row.tool} (task text not kept)"


def _about(row: OffloadRow) -> str:
    failed = row.outcome not in ("delivered", "returned", "running")
    if failed and row.summary:
        return formats.one_line(row.summary.removeprefix(f"{row.code}: "))
    output = PurePath(row.output).name if row.output else "no file"
    reviewed = REVIEWS.get(row.reviewed, "")
    return " · ".join(part for part in (f"→ {output}", reviewed, row.model, row.client) if part)


def _about_in_full(row: OffloadRow) -> str:
    return "\n".join(part for part in (row.output or "", row.summary[:500], row.project) if part)
