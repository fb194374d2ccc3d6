"""One batch: how far it is, how fast, what went wrong and why; pause, resume, cancel, retry."""

from dataclasses import dataclass

from dashboard import formats
from dashboard.components.button import button
from dashboard.components.clock import Clock
from dashboard.components.net import net
from dashboard.components.notices import attempt
from dashboard.components.text import box, icon, link, text
from server.hub import Hub
from server.store.job_records import FailureGroup, JobCounts, JobRecord

STATES = {
    "running": ("Running", "play_circle"),
    "paused": ("Paused", "pause_circle"),
    "done": ("Done", "check_circle"),
    "cancelled": ("Cancelled", "cancel"),
    "stopped": ("Stopped", "error"),
}
PARTS = (
    ("done well", "model-0", ("delivered", "returned")),
    ("handed back", "model-2", ("handed_back",)),
    ("failed", "part-failed", ("failed", "denied")),
    ("cancelled", "part-other", ("cancelled",)),
    ("running", "model-1", ("running",)),
    ("waiting", "part-free", ("waiting",)),
)
"""The stretches of the bar: in words, a colour, the states of items in it."""


@dataclass(frozen=True)
class JobView:
    """A batch with everything that its card shows. ``seconds_left`` is None where nobody knows."""

    job: JobRecord
    counts: JobCounts
    failures: tuple[FailureGroup, ...]
    seconds_left: float | None


async def read_job(hub: Hub, job: JobRecord) -> JobView:
    """Read what the card shows."""
    batches = hub.batches
    left = await batches.time_left(job.id) if job.state == "running" else None
    return JobView(job, await batches.counts(job.id), await batches.failures(job.id), left)


def job_card(hub: Hub, clock: Clock, view: JobView, *, linked: bool = True) -> None:
    """Show a batch; ``linked`` makes its task the way to its items."""
    job, counts = view.job, view.counts
    word, picture = STATES.get(job.state, (job.state, "help"))
    with box("card job", "section", f"Batch {job.id}"):
        with box("job-head"):
            with box(f"outcome job-{job.state}", "span"):
                icon(picture)
                text(word)
            if linked:
                link(f"/batch/{job.id}", "task job-task", formats.one_line(job.task, 160))
            else:
                text(job.task, "task job-task")
            net(counts.net_tokens, 0, "job-net")
        _bar(counts)
        with box("sub job-line", "p"):
            text(f"{formats.number(counts.ended)} of {formats.count(counts.total, 'item')}")
            if view.seconds_left:
                text(f"{60 * (counts.total - counts.ended) / view.seconds_left:.0f} items a minute")
                text(f"about {formats.duration(view.seconds_left)} left")
            if counts.tokens:
                text(f"{formats.short(counts.tokens)} tokens by the local model")
            text(job.client)
            clock.ago(job.created_at)
        if job.reason:
            text(job.reason, "job-reason", "p")
        with box("failures", "ul"):
            for group in view.failures:
                with box("", "li"):
                    text(f"{group.count} × {group.code}", "code")
                    text(formats.one_line(group.example), "sub")
        _actions(hub, view)


def _bar(counts: JobCounts) -> None:
    parts = [
        (words, colour, sum(counts.by_state.get(each, 0) for each in states))
        for words, colour, states in PARTS
    ]
    shown = [part for part in parts if part[2]]
    with box("bar") as bar:
        bar.props["role"] = "img"
        bar.props["aria-label"] = ", ".join(f"{count} {words}" for words, _, count in shown) or "no items"
        for words, colour, count in shown:
            stretch = box(f"bar-part {colour}").style(f"flex-grow: {count / counts.total:.4f}")
            stretch.props["title"] = f"{count} {words}"
    with box("legend", "ul"):
        for words, colour, count in shown:
            with box("", "li"):
                box(f"swatch {colour}", "span")
                text(f"{formats.number(count)} {words}", "legend-name")


def _actions(hub: Hub, view: JobView) -> None:
    job, batches = view.job, hub.batches
    with box("actions"):
        if job.state == "running":
            button(
                "Pause", lambda: attempt(batches.pause(job.id)), icon="pause", label=f"Pause batch {job.id}"
            )
        if job.state in ("paused", "stopped"):
            button("Resume", lambda: attempt(batches.resume(job.id)), icon="play_arrow", look="main")
        if job.state in ("running", "paused", "stopped"):
            button(
                "Cancel",
                lambda: attempt(batches.cancel(job.id)),
                look="danger",
                label=f"Cancel batch {job.id}",
            )
        if view.counts.went_wrong and job.state != "cancelled":
            words = f"Retry {formats.number(view.counts.went_wrong)} failed"
            button(words, lambda: attempt(batches.retry(job.id)), icon="replay")
