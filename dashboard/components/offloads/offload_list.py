"""A list of offloads; each row links to that offload's page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from dashboard import formats
from dashboard.components.controls.elements import box, link, set_title, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.net_tokens import NetTokens
from dashboard.components.live.clock import Clock
from dashboard.components.offloads.outcome_badge import OutcomeBadge
from dashboard.tool_names import call_name
from server.store.records import OffloadRow

REVIEWS = {"kept": "reviewed: kept", "rerun": "reviewed: run again"}
"""Display text for the user's verdicts. An undone result has its own outcome."""
NO_MORE: Mapping[str, int] = MappingProxyType({})
COLUMNS = ("Outcome", "Task", "Time", "Net tokens", "When")


class OffloadList:
    """The rows in the given order, updated in place."""

    def __init__(self, clock: Clock) -> None:
        with box("ts-offloads") as self.element:
            rows = box("ts-rows", "ul")
        self._more: dict[str, int] = {}
        self._rows = KeyedList[OffloadRow](
            rows, lambda row: row.id, lambda row: OffloadEntry(row, clock, self._more)
        )

    def update(self, rows: Sequence[OffloadRow], more: Mapping[str, int] = NO_MORE) -> None:
        """Show these rows in the list. ``more`` counts the other items of a row's batch, by the row's id."""
        self._more.clear()
        self._more.update(more)
        self._rows.update(rows)


def list_head() -> None:
    """Show the headings of the columns."""
    with box("ts-offload ts-offloads-head") as names:
        names.props["aria-hidden"] = "true"
        for name in COLUMNS:
            text(name)


def grouped(rows: Sequence[OffloadRow], most: int) -> tuple[list[OffloadRow], dict[str, int]]:
    """Return at most ``most`` rows, with only the newest one of each batch, and how many rows of the same
    batch each stands for, by id.
    """
    newest: dict[str, OffloadRow] = {}
    more: dict[str, int] = {}
    shown: list[OffloadRow] = []
    for row in rows:
        first = newest.get(row.job_id or "")
        if first is not None:
            more[first.id] = more.get(first.id, 0) + 1
            continue
        shown.append(row)
        if row.job_id:
            newest[row.job_id] = row
    return shown[:most], more


def offload_list(rows: Sequence[OffloadRow], clock: Clock) -> None:
    """Show rows that do not change."""
    OffloadList(clock).update(rows)


class OffloadEntry:
    """A row that links to its offload. ``by_file`` names it after its file, for rows with the same task.
    ``in_full`` adds the project and the strength of the check.
    """

    def __init__(
        self,
        row: OffloadRow,
        clock: Clock,
        more: Mapping[str, int] = NO_MORE,
        *,
        by_file: bool = False,
        in_full: bool = False,
    ) -> None:
        self._more = more
        self._in_full = in_full
        self._by_file = by_file and bool(row.output)
        with box("", "li") as self.element, link(f"/offload/{row.id}", "ts-offload"):
            self._outcome = OutcomeBadge()
            with box("ts-offload-task", "span"):
                name = (row.output or "") if self._by_file else title(row)
                text(name, "ts-task", title=row.task[:1000])
                self._about = text("", "ts-sub")
            self._time = text("", "ts-num ts-offload-time")
            self._net = NetTokens()
            clock.ago(row.started_at, "ts-offload-when")

    def update(self, row: OffloadRow) -> None:
        """Show the offload's current state."""
        self._outcome.update(row.outcome, undone=row.undone)
        more = self._more.get(row.id, 0)
        batch = f"newest of {formats.number(more + 1)} files in a batch · " if more else ""
        shown = replace(row, output="") if self._by_file else row
        self._about.set_text(batch + _about(shown, in_full=self._in_full))
        set_title(self._about, _about_in_full(row))
        if row.ended_at is None:
            self._time.set_text("")
            self._net.clear()
        else:
            self._time.set_text(formats.duration(row.seconds))
            self._net.update(
                row.net_tokens, row.net_microusd, by_user=row.by_user, would_save=row.would_save_tokens
            )


def title(row: OffloadRow) -> str:
    """Return the task on one line, or the kind of call if the history does not keep contents."""
    return formats.one_line(row.task) or f"{call_name(row.tool)} (its text is not kept)"


def _about(row: OffloadRow, *, in_full: bool) -> str:
    failed = row.outcome not in ("delivered", "returned", "running", "waiting")
    if failed and row.summary:
        return formats.one_line(formats.without_markup(formats.reason(row.summary, row.code)))
    target = "no file" if row.output is None else formats.target(row.output)
    reviewed = REVIEWS.get(row.reviewed, "")
    client = formats.client_name(row.client) if in_full or row.by_user else ""
    more = (row.strength, formats.project_name(row.project)) if in_full else ()
    parts = (target, reviewed, *more, formats.model_name(row.model), client)
    return " · ".join(part for part in parts if part)


def _about_in_full(row: OffloadRow) -> str:
    return "\n".join(part for part in (row.output or "", row.summary[:500], row.project) if part)
