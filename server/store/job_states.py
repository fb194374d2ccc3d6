"""States of batches and their items, with a transition table for each."""

from typing import Literal, NamedTuple

JobState = Literal["running", "paused", "stopped", "done", "cancelled"]
"""``stopped`` means stopped by the circuit breaker, a budget, a deadline or an error."""
JobAction = Literal["pause", "resume", "cancel", "retry", "stop", "finish"]

ItemState = Literal[
    "waiting", "running", "delivered", "returned", "handed_back", "failed", "cancelled", "denied"
]
ItemAction = Literal["start", "requeue", "end", "cancel", "retry"]

ITEM_STATES: tuple[ItemState, ...] = (
    "waiting",
    "running",
    "delivered",
    "returned",
    "handed_back",
    "failed",
    "cancelled",
    "denied",
)
OPEN: frozenset[JobState] = frozenset({"running", "paused"})
"""States of a job that has not ended."""
ENDED: frozenset[ItemState] = frozenset(ITEM_STATES[2:])
SUCCESSFUL: frozenset[ItemState] = frozenset({"delivered", "returned"})
UNSUCCESSFUL = ENDED - SUCCESSFUL


class JobTransition(NamedTuple):
    """The resulting state of an action, and the job states in which it has an effect."""

    sources: frozenset[JobState]
    target: JobState


class ItemTransition(NamedTuple):
    """The item states in which an action has an effect, and the states that can result."""

    sources: frozenset[ItemState]
    targets: frozenset[ItemState]


JOB_TRANSITIONS: dict[JobAction, JobTransition] = {
    "pause": JobTransition(frozenset({"running"}), "paused"),
    "resume": JobTransition(frozenset({"paused", "stopped"}), "running"),
    "cancel": JobTransition(frozenset({"running", "paused", "stopped"}), "cancelled"),
    # An open job keeps its state: its items simply wait again.
    "retry": JobTransition(frozenset({"stopped", "done", "cancelled"}), "running"),
    "stop": JobTransition(frozenset({"running"}), "stopped"),
    "finish": JobTransition(frozenset({"running"}), "done"),
}

ITEM_TRANSITIONS: dict[ItemAction, ItemTransition] = {
    "start": ItemTransition(frozenset({"waiting"}), frozenset({"running"})),
    # If an item was cancelled while it ran, it ends as cancelled when it is requeued.
    "requeue": ItemTransition(frozenset({"running"}), frozenset({"waiting", "cancelled"})),
    "end": ItemTransition(frozenset({"running"}), ENDED),
    "cancel": ItemTransition(frozenset({"waiting"}), frozenset({"cancelled"})),
    "retry": ItemTransition(UNSUCCESSFUL, frozenset({"waiting"})),
}


def changes(state: JobState, action: JobAction) -> bool:
    """Return whether the action has an effect on a job in this state."""
    return state in JOB_TRANSITIONS[action].sources
