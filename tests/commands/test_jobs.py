"""Tests of ``token-saver jobs``: failures and a missing hub show in the list."""

from dataclasses import replace

import pytest

from server.commands.batches.jobs import state_of
from server.store.job_records import JobCounts, JobRecord

JOB = JobRecord("j1", 0.0, "Write", "token-saver", "", "", (), sequential=False)
ALL_WELL = JobCounts({"delivered": 4})
SOME_FAILED = JobCounts({"delivered": 6, "handed_back": 4, "failed": 1})


@pytest.mark.fast
@pytest.mark.parametrize(
    ("state", "counts", "hub_runs", "words"),
    [
        ("done", ALL_WELL, True, "done"),
        ("done", SOME_FAILED, True, "done, 5 failed"),
        ("running", ALL_WELL, True, "running"),
        ("running", ALL_WELL, False, "waiting for the hub"),
        ("paused", SOME_FAILED, False, "paused"),
    ],
)
def test_the_state_of_a_batch_in_the_list(state: str, counts: JobCounts, hub_runs: bool, words: str) -> None:
    assert state_of(replace(JOB, state=state), counts, hub_runs=hub_runs) == words
