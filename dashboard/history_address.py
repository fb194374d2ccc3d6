"""The history filters as a URL, so that a view can be linked to and survives a reload."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from server.store.records import OffloadFilter

SPANS = {"today": 0, "7d": 6, "30d": 29}
"""The time spans, as a number of local days before today."""


@dataclass(frozen=True)
class HistoryAddress:
    """The filters in a ``/history`` URL. Empty fields match every offload. ``before`` is the id just above
    the first row.
    """

    q: str = ""
    outcome: str = ""
    tool: str = ""
    model: str = ""
    project: str = ""
    client: str = ""
    time: str = ""
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
        return replace(self, before="") != HistoryAddress()

    def filter(self, today: datetime.date) -> OffloadFilter:
        """Return the corresponding filter for the history."""
        since = None
        if self.time in SPANS:
            day = today - datetime.timedelta(days=SPANS[self.time])
            since = datetime.datetime.combine(day, datetime.time.min).astimezone().timestamp()
        return OffloadFilter(
            search=self.q,
            tool=self.tool,
            outcome=self.outcome,
            model=self.model,
            project=self.project,
            client=self.client,
            since=since,
        )
