"""Batch digests: counts, failures by reason, and the job's id, in at most 600 characters."""

import re
import time

from server.store.job_records import FailureGroup, JobCounts, JobRecord

LONGEST = 600
LONGEST_EXAMPLE = 90


def describe(
    job: JobRecord,
    counts: JobCounts,
    failures: tuple[FailureGroup, ...],
    left: float | None,
    *,
    for_user: bool = False,
) -> str:
    """Return a batch's digest.

    Args:
        left: estimated time left in seconds; None if unknown.
        for_user: suggest the next step for the user rather than for Claude.
    """
    lines = [f"Job {job.id} {_state(job)}: {counts.successful} of {counts.total} done{_rest(counts)}."]
    if job.reason:
        lines.append(job.reason)
    if counts.ended < counts.total and left is not None and job.state == "running":
        lines.append(f"About {in_words(left)} left.")
    if counts.ended:
        lines.append(f"{_net(job, counts)}, {in_words(counts.seconds)} of model time.")
    tail = _users_step(job, counts) if for_user else _next_step(job, counts)
    for group in failures:
        line = f"- {group.count} x {group.code}, e.g. {_short(why(group.code, group.example))}"
        if len("\n".join([*lines, line, tail])) > LONGEST:
            break
        lines.append(line)
    return "\n".join([*lines, tail])[:LONGEST]


def in_words(seconds: float) -> str:
    """Format a duration, for example as ``45 s``, ``12 min`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def why(code: str, summary: str) -> str:
    """Return an item's reason on one line, without its code and the wording shared by all hand-backs."""
    line = " ".join(summary.split())
    handed_back = re.match(rf"Handed back, {re.escape(code)} \([^)]*\): ", line)
    if handed_back is not None:
        return line[handed_back.end() :].partition(" Nothing was written (")[0]
    return line.removeprefix(f"{code}: ")


def _net(job: JobRecord, counts: JobCounts) -> str:
    if (
        job.by_user and not counts.net_tokens
    ):  # older versions charged the user's batch with Claude's questions
        return "Net 0, not by Claude"
    return f"Net {counts.net_tokens:+,} tokens"


def _state(job: JobRecord) -> str:
    return {"running": "is running", "paused": "is paused", "done": "ended"}.get(job.state, job.state)


def _rest(counts: JobCounts) -> str:
    parts = []
    if counts.unsuccessful:
        parts.append(f"{counts.unsuccessful} not (those files are unchanged)")
    if waiting := counts.total - counts.ended:
        parts.append(f"{waiting} to go")
    return ", " + ", ".join(parts) if parts else ""


def _next_step(job: JobRecord, counts: JobCounts) -> str:
    if job.state == "running":
        return f'check_job(job="{job.id}", wait=300) waits for it.'
    if job.user_locked:
        return f"The user {job.state} it; only the user can resume it."
    if job.limit_reached(counts.tokens, time.time()) and (counts.unsuccessful or counts.ended < counts.total):
        return "The user can resume it; or submit the rest as a new batch."
    if job.state == "paused":
        return f'check_job(job="{job.id}", action="resume") resumes it.'
    if counts.unsuccessful:
        return f'check_job(job="{job.id}", action="retry") retries the failed items.'
    return f'Diffs are on the dashboard; check_job(job="{job.id}", action="undo") restores the files.'


def _users_step(job: JobRecord, counts: JobCounts) -> str:
    if job.state == "running":
        return f"`token-saver jobs wait {job.id}` waits for it."
    if job.state in {"paused", "stopped"}:
        return f"`token-saver jobs resume {job.id}` resumes it."
    if counts.unsuccessful or counts.ended < counts.total:
        return f"`token-saver jobs retry {job.id}` retries the items without a result."
    return f"`token-saver undo {job.id}` restores the files; `token-saver history` lists the offloads."


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_EXAMPLE else line[: LONGEST_EXAMPLE - 1] + "…"
