"""What an agent may not go on with: what the user paused or cancelled, and what has used up its bounds."""

import time

from server.common.errors import Denied
from server.store.job_records import JobRecord


def refuse_agent(job: JobRecord, tokens: int) -> None:
    """Return if an agent may go on with the job, which has taken so many ``tokens``.

    Raises:
        Denied: it may not.
    """
    if job.user_locked:
        raise held_by_user(f"job {job.id}", "paused" if job.state == "paused" else "cancelled")
    if bound := job.limit_reached(tokens, time.time()):
        raise Denied(
            f"Job {job.id} has reached its {bound}; only the user may let it go on.",
            "Go on with it on the dashboard.",
            "Hand in what is left as a new batch, or ask the user to go on with it on the dashboard.",
        )


def held_by_user(what: str, done: str) -> Denied:
    """Return the error for what the user paused or cancelled."""
    return Denied(
        f"The user {done} {what}.",
        "Go on with it on the dashboard.",
        "Leave it so, or ask the user to go on with it on the dashboard.",
    )
