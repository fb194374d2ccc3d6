"""The states of jobs and items change along one table of transitions, and along nothing else."""

import time
from typing import get_args

import pytest

from server.store.job_records import ItemRecord, JobRecord
from server.store.job_states import (
    ENDED,
    ITEM_STATES,
    ITEM_TRANSITIONS,
    JOB_TRANSITIONS,
    ItemState,
    JobAction,
    JobState,
)
from server.store.jobs import Jobs
from tests.batch.conftest import HubHarness

pytestmark = pytest.mark.anyio

JOB_STATES: tuple[JobState, ...] = get_args(JobState)
ACTIONS: tuple[JobAction, ...] = ("pause", "resume", "cancel", "retry")


def test_every_state_of_an_item_is_listed_once() -> None:
    assert set(ITEM_STATES) == set(get_args(ItemState))
    assert len(ITEM_STATES) == len(set(ITEM_STATES))
    assert ITEM_TRANSITIONS["end"].targets == ENDED


@pytest.mark.parametrize("state", JOB_STATES)
@pytest.mark.parametrize("action", ACTIONS)
async def test_an_action_changes_a_job_in_the_states_of_its_row(
    harness: HubHarness, state: JobState, action: JobAction
) -> None:
    batches = harness.hub.batches
    harness.hub.pause()  # no item starts, so no state changes by itself
    job_id = await harness.notes_on(harness.write_files(1))
    await _set(harness, job_id, state, item="failed" if action == "retry" else "waiting")
    if action == "pause":
        await batches.pause(job_id)
    elif action == "resume":
        await batches.resume(job_id)
    elif action == "cancel":
        await batches.cancel(job_id)
    else:
        await batches.retry(job_id)
    changed = state in JOB_TRANSITIONS[action].sources
    expected = JOB_TRANSITIONS[action].target if changed else state
    assert (await batches.get(job_id)).state == expected


@pytest.mark.parametrize("state", ITEM_STATES)
async def test_an_item_is_cancelled_and_retried_in_the_states_of_its_row(
    harness: HubHarness, state: ItemState
) -> None:
    for action in ("cancel", "retry"):
        jobs = Jobs(harness.hub.history.database)
        job_id = f"{action}-{state}"
        job = JobRecord(job_id, time.time(), "Write notes.", "", "", "", (), sequential=False)
        await jobs.create(job, (ItemRecord(0, {"task": "Write notes."}, state=state),))
        if action == "cancel":
            await jobs.cancel_item(job_id, 0)
        else:
            await jobs.retry_failed(job_id)
        found = await jobs.item(job_id, 0)
        assert found is not None
        row = ITEM_TRANSITIONS["cancel" if action == "cancel" else "retry"]
        assert found.state in (row.targets if state in row.sources else {state})


async def _set(harness: HubHarness, job_id: str, state: JobState, item: ItemState) -> None:
    """Put the job and its only item into these states, with the run of the job ended first."""
    await harness.hub.batches.pause(job_id)
    jobs = Jobs(harness.hub.history.database)
    await jobs.finish_item(job_id, ItemRecord(0, {"task": "Write notes."}, state=item))
    await jobs.set_state(job_id, state, "")
