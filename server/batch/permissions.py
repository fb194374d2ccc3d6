"""Agent permissions: agents cannot touch jobs that the user paused or cancelled, or that hit a limit."""

import time

from server.common.errors import Denied
from server.store.job_records import JobRecord


def require_agent_may_continue(job: JobRecord, tokens: int) -> None:
    """Check that an agent may continue the job, which has used ``tokens`` tokens.

    Raises:
        Denied: the agent may not continue the job.
    """
    if job.user_locked:
        raise locked_by_user(f"job {job.id}", "paused" if job.state == "paused" else "cancelled")
    if bound := job.limit_reached(tokens, time.time()):
        raise Denied(
            f"Job {job.id} has reached its {bound}; only the user can resume it.",
            "Resume the job on the dashboard.",
            "Submit the rest as a new batch, or ask the user to resume this one on the dashboard.",
        )


def locked_by_user(what: str, done: str) -> Denied:
    """Return the error to raise for a job or item that the user paused or cancelled."""
    return Denied(
        f"The user {done} {what}.",
        "Resume it on the dashboard.",
        "Do not change it, or ask the user to resume it on the dashboard.",
    )
