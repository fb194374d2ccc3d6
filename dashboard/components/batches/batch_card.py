"""A single batch: progress, speed, failures grouped by cause; pause, resume, cancel, retry."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace

from nicegui import Event

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, icon, link, set_classes, set_prop, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.net_tokens import NetTokens
from dashboard.components.controls.notices import run_action, show_error, show_notice
from dashboard.components.controls.question import agrees
from dashboard.components.controls.stacked_bar import BarSegment, StackedBar
from dashboard.components.live.clock import Clock
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.offload.values import STRENGTHS
from server.state.snapshot import Snapshot
from server.store.job_records import FailureGroup, JobCounts, JobRecord
from server.store.reviews import Reviews

STATES = {
    "running": ("Running", "play_circle"),
    "paused": ("Paused", "pause_circle"),
    "done": ("Done", "check_circle"),
    "cancelled": ("Cancelled", "cancel"),
    "stopped": ("Stopped", "error"),
}
PARTS = (
    ("done", "ts-model-0", ("delivered", "returned")),
    ("undone", "ts-part-other", ("undone",)),
    ("handed back", "ts-model-2", ("handed_back",)),
    ("failed", "ts-part-failed", ("failed", "denied")),
    ("cancelled", "ts-part-other", ("cancelled",)),
    ("running", "ts-model-1", ("running",)),
    ("waiting", "ts-part-free", ("waiting",)),
)
"""The segments of the bar: name, colour, item states."""


@dataclass(frozen=True)
class BatchView:
    """A batch with all the data shown on its card. ``seconds_left`` is None if unknown. ``undone`` holds the
    ids of the undone offloads. ``unreviewed`` is the number of files that wait for review.
    """

    job: JobRecord
    counts: JobCounts
    failures: tuple[FailureGroup, ...]
    seconds_left: float | None
    undone: frozenset[str] = frozenset()
    unreviewed: int = 0

    @property
    def written(self) -> int:
        """Number of files that were written and not undone since."""
        return max(0, self.counts.by_state.get("delivered", 0) - len(self.undone))


async def read_batch(hub: Hub, job: JobRecord) -> BatchView:
    """Read all the data for the card."""
    batches = hub.batches
    counts = _with_queue(await batches.counts(job.id), hub.snapshot(), job.id)
    left = await batches.time_left(job.id, counts) if job.state == "running" else None
    undone = await hub.history.undone(job.id)
    unreviewed = await Reviews(hub.history.database, STRENGTHS).count(job.id)
    return BatchView(job, counts, await batches.failures(job.id), left, undone, unreviewed)


def _with_queue(counts: JobCounts, snapshot: Snapshot, job_id: str) -> JobCounts:
    """Return the counts as the header counts them: an item that waits for the engine is not running."""
    queued = sum(each.waits for each in snapshot.running if each.job_id == job_id)
    started = counts.by_state.get("running", 0)
    queued = min(queued, started)
    states = counts.by_state | {
        "running": started - queued,
        "waiting": counts.by_state.get("waiting", 0) + queued,
    }
    return replace(counts, by_state=states)


class BatchCard:
    """A batch, updated in place. Its buttons emit ``acted``. If ``linked``, the task links to the batch's
    page.
    """

    def __init__(
        self, hub: Hub, clock: Clock, job: JobRecord, acted: Event[[]], *, linked: bool = True
    ) -> None:
        with box("ts-card ts-job", "section", f"Batch {job.id}") as self.element:
            with box("ts-job-head"):
                with box("ts-outcome", "span") as self._state:
                    self._picture = icon("")
                    self._word = text("")
                task = job.task or "A batch (task text not kept)"
                if linked:
                    link(f"/batch/{job.id}", "ts-task ts-job-task", formats.one_line(task, 160))
                else:
                    text(task, "ts-task ts-job-task")
                self._net = NetTokens("ts-job-net")
            self._bar = StackedBar()
            with box("ts-sub ts-job-line", "p"):
                self._facts = [text("") for _ in range(4)]
                text(formats.client_name(job.client))
                clock.ago(job.created_at)
            self._reason = text("", "ts-job-reason", "p")
            self._failures = KeyedList[FailureGroup](
                box("ts-failures", "ul"), lambda group: group.code, _Failure
            )
            self._actions = _Actions(hub, job, acted)

    def update(self, view: BatchView) -> None:
        """Update the batch's progress."""
        job = view.job
        word, picture, look = state_of(job.state, view.counts.unsuccessful, len(view.undone))
        set_classes(self._state, f"ts-outcome ts-job-{look}")
        self._picture.set_text(picture)
        self._word.set_text(word)
        self._net.update(view.counts.net_tokens, 0, by_user=view.job.by_user)
        segments = _segments(view)
        words = ", ".join(f"{each.words} {each.name}" for each in segments) or "no items"
        self._bar.update(segments, words)
        for element, fact in zip(self._facts, _facts(view), strict=True):
            element.set_text(fact)
            element.set_visibility(bool(fact))
        self._reason.set_text(job.reason)
        self._reason.set_visibility(bool(job.reason))
        self._failures.update(view.failures)
        self._actions.update(view)


def state_of(state: str, unsuccessful: int, undone: int = 0) -> tuple[str, str, str]:
    """Return the batch's state as text, with an icon and style. A batch with failed items is never green."""
    word, picture = STATES.get(state, (state, "help"))
    words = f"{word}, {formats.number(undone)} undone" if undone else word
    if state == "done" and unsuccessful:
        return f"{words}, {formats.number(unsuccessful)} failed", "error", "wrong"
    return words, picture, state


class _Actions:
    """A batch's buttons. They are built once and merely hidden, so that an update never swallows a click."""

    def __init__(self, hub: Hub, job: JobRecord, acted: Event[[]]) -> None:
        batches = hub.batches
        self._paused = False
        self._written = 0

        async def pause_or_resume() -> None:
            await press(batches.resume(job.id) if self._paused else batches.pause(job.id))

        async def cancel() -> None:
            await press(batches.cancel(job.id))

        async def retry() -> None:
            await press(batches.retry(job.id))

        async def undo() -> None:
            heading = f"Undo {formats.count(self._written, 'file')}?"
            about = "Each file gets its earlier contents back, unless it has changed since."
            if not await agrees(heading, about, yes="Undo all", no="Keep", look="danger", icon="undo"):
                return
            try:
                said = await hub.undo(job.id)
            except TokenSaverError as error:
                show_error(error)
                return
            show_notice(said.splitlines()[0])
            acted.emit()

        async def press(action: Awaitable[object]) -> None:
            await run_action(action)
            acted.emit()

        with box("ts-actions") as self._row:
            self._review = link("/review", "ts-btn-link")
            self._pause = button("Pause", pause_or_resume, icon="pause")
            self._cancel = button("Cancel", cancel, look="danger", label=f"Cancel batch {job.id}")
            self._retry = button("Retry failed", retry, icon="replay")
            self._undo = button("Undo all…", undo, icon="undo", label=f"Undo all… files of batch {job.id}")

    def update(self, view: BatchView) -> None:
        job = view.job
        self._paused = job.state != "running"
        word, picture = ("Resume", "play_arrow") if self._paused else ("Pause", "pause")
        self._pause.set_text(word)
        self._pause.set_icon(picture)
        set_prop(self._pause, "aria-label", f"{word} batch {job.id}")
        wrong = view.counts.unsuccessful if job.state != "cancelled" else 0
        self._retry.set_text(f"Retry {formats.number(wrong)} failed")
        goes_on = job.state in ("running", "paused", "stopped")
        self._pause.set_visibility(goes_on)
        self._cancel.set_visibility(goes_on)
        self._retry.set_visibility(wrong > 0)
        self._written = view.written
        can_undo = job.state not in ("running", "paused") and view.written > 0
        self._undo.set_visibility(can_undo)
        self._review.set_text(f"Review {formats.count(view.unreviewed, 'file')}")
        self._review.set_visibility(view.unreviewed > 0)
        self._row.set_visibility(goes_on or wrong > 0 or can_undo or view.unreviewed > 0)


class _Failure:
    """Failed items that share a cause."""

    def __init__(self, _group: FailureGroup) -> None:
        with box("", "li") as self.element:
            self._count = text("", "ts-num")
            self._example = text("", "ts-failure-reason")
            self._code = text("", "ts-code")

    def update(self, group: FailureGroup) -> None:
        self._count.set_text(f"{formats.number(group.count)} ×")
        self._example.set_text(formats.one_line(formats.reason(group.example, group.code)))
        self._code.set_text(group.code)


def _segments(view: BatchView) -> list[BarSegment]:
    found, counts = [], view.counts
    undone = min(len(view.undone), counts.successful)
    by_state = counts.by_state | {"undone": undone, "delivered": counts.by_state.get("delivered", 0) - undone}
    for words, colour, states in PARTS:
        count = sum(by_state.get(each, 0) for each in states)
        if count:
            found.append(BarSegment(words, words, formats.number(count), colour, count / counts.total))
    return found


def pace(per_minute: float) -> str:
    """Return the speed: ``12 items per minute``, ``1.4 min per item``."""
    if per_minute < 1:
        return f"{1 / per_minute:.{1 if per_minute > 0.1 else 0}f} min per item"
    return f"{formats.count(round(per_minute), 'item')} per minute"


def _facts(view: BatchView) -> tuple[str, str, str, str]:
    counts, left = view.counts, view.seconds_left
    return (
        f"{formats.number(counts.ended)} of {formats.count(counts.total, 'item')}",
        pace(60 * (counts.total - counts.ended) / left) if left else "",
        f"{formats.roughly(left)} left" if left else "",
        f"{formats.short(counts.tokens)} tokens processed locally" if counts.tokens else "",
    )
