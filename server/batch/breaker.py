"""The circuit breaker: stops a batch whose items mostly fail, and says why."""

from server.store.job_records import FailureGroup, JobCounts

# A batch is judged after this many items, and again after each further one.
FEWEST = 5
# It stops when fewer than this share of what has ended was any good.
GOOD_SHARE = 0.2


def why_stop(counts: JobCounts, failures: tuple[FailureGroup, ...]) -> str:
    """Return one sentence that says why the batch should stop, empty while it may go on."""
    judged = counts.ended - counts.by_state.get("cancelled", 0)
    if judged < FEWEST or counts.done_well >= judged * GOOD_SHARE:
        return ""
    worst = max(failures, key=lambda group: group.count, default=None)
    because = f", mostly {worst.code}" if worst else ""
    return (
        f"Stopped after {judged} items because {judged - counts.done_well} of them failed{because}: "
        "the task or the model does not suit these files."
    )
