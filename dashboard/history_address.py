"""The history's filters as part of the address, so that a view can be linked and comes back on reload."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from server.store.records import OffloadFilter

SPANS = {"today": 0, "7d": 6, "30d": 29}
"""The choices of time, as local days before today's beginning."""


@dataclass(frozen=True)
class HistoryAddress:
    """What ``/history`` shows. Empty means all; ``before`` is the id that the page begins below."""

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
        """Return what the query says; what it says beyond that is left out."""
        return cls(**{field.name: query.get(field.name, "").strip() for field in fields(cls)})

    @property
    def url(self) -> str:
        """The address, with nothing in it that is empty."""
        said = {name: value for name, value in vars(self).items() if value}
        return f"/history?{urlencode(said)}" if said else "/history"

    @property
    def filters(self) -> bool:
        """Whether anything narrows the list."""
        return replace(self, before="") != HistoryAddress()

    def filter(self, today: datetime.date) -> OffloadFilter:
        """Return the filter for the history."""
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
