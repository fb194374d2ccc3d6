"""The rows of batches as values. Instants are seconds since the epoch, times seconds."""

from dataclasses import dataclass, field
from typing import Any

from server.store.records import OWN_CLIENTS

ITEM_STATES = ("waiting", "running", "delivered", "returned", "handed_back", "failed", "cancelled", "denied")
ENDED = frozenset(ITEM_STATES[2:])
DONE_WELL = frozenset({"delivered", "returned"})


@dataclass(frozen=True)
class ItemRecord:
    """One task of a job. ``arguments`` are those of ``offload_work``; ``tries`` counts its starts;
    ``held`` is one that the user cancelled."""

    position: int
    arguments: dict[str, Any]
    state: str = "waiting"
    offload_id: str | None = None
    tries: int = 0
    code: str = ""
    summary: str = ""
    tokens: int = 0
    net_tokens: int = 0
    seconds: float = 0.0
    held: bool = False


@dataclass(frozen=True)
class JobRecord:
    """A batch as it was asked for, and where it stands: ``running``, ``paused``, ``done``, ``cancelled``, or
    ``stopped`` by the circuit breaker, a budget or a deadline, as ``reason`` says. ``roots`` and
    ``project`` are the caller's folders, kept so that the job can go on after a restart; ``deadline`` is None
    for none. ``spent_*`` are the tokens that its calls have cost Claude so far; ``held`` is one that the user
    paused or cancelled: only they go on with it."""

    id: str
    created_at: float
    task: str
    client: str
    session: str
    project: str
    roots: tuple[str, ...]
    sequential: bool
    state: str = "running"
    reason: str = ""
    ended_at: float | None = None
    deadline: float | None = None
    token_budget: int = 0
    tool_use_id: str | None = None
    spent_output: int = 0
    spent_input: int = 0
    spent_share: int = 0
    held: bool = False

    def bound_reached(self, tokens: int, now: float) -> str:
        """Return the bound that the job has reached, with so many ``tokens`` taken at ``now`` (seconds since
        the epoch); empty if none."""
        if self.deadline is not None and now > self.deadline:
            return "deadline"
        over_budget = self.token_budget and tokens >= self.token_budget
        return f"budget of {self.token_budget:,} tokens" if over_budget else ""

    @property
    def by_user(self) -> bool:
        """Whether the user asked for it: from a shell."""
        return self.client in OWN_CLIENTS


@dataclass(frozen=True)
class JobCounts:
    """How many items are in each state, and what they took in all."""

    by_state: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    net_tokens: int = 0
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """All items."""
        return sum(self.by_state.values())

    @property
    def ended(self) -> int:
        """Items that need no more work."""
        return sum(count for state, count in self.by_state.items() if state in ENDED)

    @property
    def done_well(self) -> int:
        """Items whose result was written or returned."""
        return sum(count for state, count in self.by_state.items() if state in DONE_WELL)

    @property
    def went_wrong(self) -> int:
        """Items that ended without a result."""
        return self.ended - self.done_well


@dataclass(frozen=True)
class FailureGroup:
    """Items that ended for the same reason, with one of them as an example."""

    code: str
    count: int
    example: str
    position: int
