"""The circuit breaker: stops a batch whose items mostly fail, and says why."""

from dataclasses import dataclass, replace

from server.store.job_records import SUCCESSFUL, FailureGroup, ItemRecord

# A batch is judged after this many items, and again after each further one.
FEWEST = 5
# It stops when fewer than this share of what has ended was any good.
GOOD_SHARE = 0.2


@dataclass(frozen=True)
class Tally:
    """How the items of one run ended. Those before a resume or a restart are not counted: whoever goes on
    with a stopped batch has seen them."""

    good: int = 0
    bad: int = 0
    cancelled: int = 0

    @property
    def ended(self) -> int:
        """All that ended."""
        return self.good + self.bad + self.cancelled

    @property
    def suspicious(self) -> bool:
        """Whether most items fail; those that somebody cancelled say nothing of the others."""
        judged = self.good + self.bad
        return judged >= FEWEST and self.good < judged * GOOD_SHARE

    def with_item(self, item: ItemRecord) -> "Tally":
        """Return the tally with one more item."""
        if item.state in SUCCESSFUL:
            return replace(self, good=self.good + 1)
        if item.state == "cancelled":
            return replace(self, cancelled=self.cancelled + 1)
        return replace(self, bad=self.bad + 1)


def why_stop(tally: Tally, failures: tuple[FailureGroup, ...]) -> str:
    """Return one sentence that says why the batch should stop, empty while it may go on."""
    if not tally.suspicious:
        return ""
    worst = max(failures, key=lambda group: group.count, default=None)
    because = f", mostly {worst.code}" if worst else ""
    return (
        f"Stopped after {tally.good + tally.bad} items because {tally.bad} of them failed{because}: "
        "the task or the model does not suit these files."
    )
