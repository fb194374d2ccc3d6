"""The history filters as a URL, so that a view can be linked to and survives a reload."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from server.batch.job_run import DEFERRING
from server.store.records import ORDERS, OffloadFilter, Order

RETRIED = tuple(sorted(DEFERRING))
"""Codes of tries that pages leave out: the batch runs the item again, for example after a pause."""
SPANS = {"today": 0, "7d": 6, "30d": 29}
"""The time spans, as a number of local days before today."""
TO = ".."
"""Separates the first and the last day in a time such as ``2026-11-16..2026-11-22``."""


@dataclass(frozen=True)
class HistoryAddress:
    """The filters in a ``/history`` URL. Empty fields match every offload. ``time`` is one of ``SPANS``, a
    day, or two days (see ``TO``). ``order`` is one of ``records.ORDERS``; empty for the newest first.
    ``before`` is the id just above the first row.
    """

    q: str = ""
    outcome: str = ""
    tool: str = ""
    model: str = ""
    project: str = ""
    client: str = ""
    strength: str = ""
    review: str = ""
    batch: str = ""
    time: str = ""
    order: str = ""
    before: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "HistoryAddress":
        """Read the known fields from a query and ignore all others."""
        return cls(**{field.name: query.get(field.name, "").strip() for field in fields(cls)})

    @property
    def url(self) -> str:
        """Return the URL, without empty fields."""
        query = {name: value for name, value in vars(self).items() if value}
        return f"/history?{urlencode(query)}" if query else "/history"

    @property
    def filters(self) -> bool:
        """Return whether any filter is set."""
        return replace(self, before="", order="") != HistoryAddress()

    @property
    def sorted_by(self) -> Order:
        """Return the order of the list."""
        return next((order for order in ORDERS if order == self.order), "newest")

    def filter(self, today: datetime.date) -> OffloadFilter:
        """Return the corresponding filter for the history."""
        since = until = None
        if self.time in SPANS:
            since = _start_of(today - datetime.timedelta(days=SPANS[self.time]))
        elif days := days_of(self.time):
            since, until = _start_of(days[0]), _start_of(days[1] + datetime.timedelta(days=1))
        return OffloadFilter(
            search=self.q,
            tool=self.tool,
            outcome=self.outcome,
            model=self.model,
            project=self.project,
            client=self.client,
            strength=self.strength,
            review=self.review,
            batch=self.batch,
            since=since,
            until=until,
        )


def of_days(first: str, last: str) -> HistoryAddress:
    """Return the address for the calls that began on these days (``YYYY-MM-DD``)."""
    return HistoryAddress(time=first if first == last else f"{first}{TO}{last}")


def days_of(time: str) -> tuple[datetime.date, datetime.date] | None:
    """Return the first and the last day of a time such as ``2026-11-21``; None for other texts."""
    first, _, last = time.partition(TO)
    try:
        days = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last or first)
    except ValueError:
        return None
    return days if days[0] <= days[1] else None


def _start_of(day: datetime.date) -> float:
    return datetime.datetime.combine(day, datetime.time.min).astimezone().timestamp()
