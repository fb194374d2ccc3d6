"""The transition tables of batches and of their items."""

import itertools
from typing import get_args

import pytest

from server.store.job_states import (
    ENDED,
    ITEM_STATES,
    ITEM_TRANSITIONS,
    JOB_TRANSITIONS,
    OPEN,
    JobAction,
    JobState,
    changes,
)

pytestmark = pytest.mark.fast

EFFECTIVE = {
    ("running", "pause"), ("paused", "resume"), ("stopped", "resume"), ("running", "cancel"),
    ("paused", "cancel"), ("stopped", "cancel"), ("stopped", "retry"), ("done", "retry"),
    ("cancelled", "retry"), ("running", "stop"), ("running", "finish"),
}  # fmt: skip
"""Each pair of a job's state and an action that changes it."""


@pytest.mark.parametrize(
    ("state", "action"), list(itertools.product(get_args(JobState), get_args(JobAction))), ids=str
)
def test_action_changes_exactly_these_states(state: JobState, action: JobAction) -> None:
    assert changes(state, action) == ((state, action) in EFFECTIVE)


def test_only_resume_and_retry_reopen_a_job() -> None:
    reopening = {
        action for action, each in JOB_TRANSITIONS.items() if each.target in OPEN and each.sources - OPEN
    }
    assert reopening == {"resume", "retry"}


def test_an_item_ends_only_from_running_or_by_a_cancellation_while_it_waits() -> None:
    ending = {action for action, each in ITEM_TRANSITIONS.items() if each.targets & ENDED}
    assert ending == {"requeue", "end", "cancel"}
    assert ITEM_TRANSITIONS["end"].sources == {"running"}
    assert set(ITEM_STATES) - ENDED == {"waiting", "running"}
