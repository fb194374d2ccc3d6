"""Circuit breaker that stops a batch when most of its items fail, and says why."""

from dataclasses import dataclass, replace

from server.store.job_records import FailureGroup, ItemRecord
from server.store.job_states import SUCCESSFUL

FEWEST = 5
"""Number of items before a batch is first judged. It is judged again after every further item."""
GOOD_SHARE = 0.2
"""Minimum share of successful items, below which the batch stops."""


@dataclass(frozen=True)
class Tally:
    """Item results from one run. Items that ended before a resume are not counted, so a stopped batch can be
    resumed.
    """

    good: int = 0
    bad: int = 0
    cancelled: int = 0

    @property
    def ended(self) -> int:
        """Number of items that have ended."""
        return self.good + self.bad + self.cancelled

    @property
    def suspicious(self) -> bool:
        """Return whether too many items have failed. Cancelled items are ignored."""
        judged = self.good + self.bad
        return judged >= FEWEST and self.good < judged * GOOD_SHARE

    def with_item(self, item: ItemRecord) -> "Tally":
        """Return the tally with one more item counted."""
        if item.state in SUCCESSFUL:
            return replace(self, good=self.good + 1)
        if item.state == "cancelled":
            return replace(self, cancelled=self.cancelled + 1)
        return replace(self, bad=self.bad + 1)


def why_stop(tally: Tally, failures: tuple[FailureGroup, ...]) -> str:
    """Return a sentence saying why the batch should stop; empty if it may continue."""
    if not tally.suspicious:
        return ""
    worst = max(failures, key=lambda group: group.count, default=None)
    because = f", mostly {worst.code}" if worst else ""
    return (
        f"Stopped after {tally.good + tally.bad} items because {tally.bad} of them failed{because}: the "
        "task or the model does not suit these files."
    )
