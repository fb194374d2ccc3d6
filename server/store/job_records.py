"""Batches as values. Instants are seconds since the epoch, durations seconds."""

from dataclasses import dataclass, field
from typing import Any

from server.store.job_states import ENDED, SUCCESSFUL, ItemState, JobState
from server.store.records import OWN_CLIENTS


@dataclass(frozen=True)
class ItemRecord:
    """One task in a batch. ``arguments`` are ``offload_work`` arguments. ``tries`` counts how often the item
    was started. ``user_locked`` marks an item cancelled by the user, which agents must not retry.
    """

    position: int
    arguments: dict[str, Any]
    state: ItemState = "waiting"
    offload_id: str | None = None
    tries: int = 0
    code: str = ""
    summary: str = ""
    tokens: int = 0
    net_tokens: int = 0
    seconds: float = 0.0
    user_locked: bool = False


@dataclass(frozen=True)
class JobRecord:
    """A batch: the request and its state.

    Attributes:
        state: see ``JobState``; ``reason`` says why it is ``stopped``.
        roots: the caller's folders, kept with ``project`` so that the job can continue after a restart.
        deadline: None for no deadline.
        token_budget: 0 for no limit.
        spent_output: tokens that the batch's calls have cost Claude so far, as are ``spent_input`` and
            ``spent_share``. ``spent_turns`` counts turns in thousandths.
        user_locked: whether the user paused or cancelled the job. If so, only the user can resume it.
    """

    id: str
    created_at: float
    task: str
    client: str
    session: str
    project: str
    roots: tuple[str, ...]
    sequential: bool
    state: JobState = "running"
    reason: str = ""
    ended_at: float | None = None
    deadline: float | None = None
    token_budget: int = 0
    tool_use_id: str | None = None
    spent_output: int = 0
    spent_input: int = 0
    spent_share: int = 0
    spent_turns: int = 0
    user_locked: bool = False

    def limit_reached(self, tokens: int, now: float) -> str:
        """Return the limit the job has reached after ``tokens`` tokens at ``now`` (seconds since the epoch);
        empty if none.
        """
        if self.deadline is not None and now > self.deadline:
            return "deadline"
        over_budget = self.token_budget and tokens >= self.token_budget
        return f"budget of {self.token_budget:,} tokens" if over_budget else ""

    @property
    def by_user(self) -> bool:
        """Return whether the user started the job from a shell."""
        return self.client in OWN_CLIENTS


@dataclass(frozen=True)
class JobCounts:
    """Number of items in each state, and their total tokens and seconds."""

    by_state: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    net_tokens: int = 0
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Total number of items."""
        return sum(self.by_state.values())

    @property
    def ended(self) -> int:
        """Number of items that need no further work."""
        return sum(count for state, count in self.by_state.items() if state in ENDED)

    @property
    def successful(self) -> int:
        """Number of items whose result was written or returned."""
        return sum(count for state, count in self.by_state.items() if state in SUCCESSFUL)

    @property
    def unsuccessful(self) -> int:
        """Number of items that ended without a result."""
        return self.ended - self.successful


@dataclass(frozen=True)
class FailureGroup:
    """Items that ended for the same reason, with one item's summary as an example."""

    code: str
    count: int
    example: str
