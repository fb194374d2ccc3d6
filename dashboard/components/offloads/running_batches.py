"""Batches at work: one pane each, with its progress and the files being written."""

from collections.abc import Sequence

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, link, set_title, text
from dashboard.components.controls.keyed_list import KeyedList, RebuiltSection
from dashboard.components.controls.notices import run_action
from dashboard.components.live.clock import Clock
from dashboard.components.live.streamed_text import StreamedText
from server.hub import Hub
from server.state.snapshot import RunningOffload, Snapshot, WorkingBatch

Shown = tuple[WorkingBatch, tuple[RunningOffload, ...], float]
"""A batch with its offloads, those that run and those that wait for the engine, and the seconds left (0 if
unknown).
"""


class BatchList:
    """The batches at work, oldest first."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._left: dict[str, float] = {}
        self._panes = KeyedList[Shown](
            box("ts-runs"), lambda shown: shown[0].id, lambda shown: _Pane(hub, clock, shown)
        )

    async def load(self) -> None:
        """Estimate the time left of each batch."""
        for batch in self._hub.snapshot().batches:
            self._left[batch.id] = await self._hub.batches.time_left(batch.id) or 0.0
        self.update(self._hub.snapshot())

    def update(self, snapshot: Snapshot) -> None:
        """Show the batches of the snapshot."""
        self._panes.update(
            [
                (
                    batch,
                    tuple(each for each in snapshot.running if each.job_id == batch.id),
                    self._left.get(batch.id, 0.0),
                )
                for batch in snapshot.batches
                if batch.left > 0
            ]
        )


def outside_batches(snapshot: Snapshot) -> tuple[RunningOffload, ...]:
    """Return the offloads that no batch of the snapshot contains."""
    known = {batch.id for batch in snapshot.batches}
    return tuple(each for each in snapshot.running if each.job_id not in known)


class _Pane:
    """One batch. Only the first running file shows its text."""

    def __init__(self, hub: Hub, clock: Clock, shown: Shown) -> None:
        batch = shown[0]
        task = formats.one_line(batch.task, 240) or f"Batch {batch.id}"
        with box("ts-run ts-run-batch", "article", f"Batch: {formats.one_line(task, 80)}") as self.element:
            with box("ts-run-head"):
                with link(f"/batch/{batch.id}", "ts-run-task"):
                    text(task, "ts-task")
                pause = hub.batches.pause
                button("Pause", lambda: run_action(pause(batch.id), "Paused."), label="Pause this batch")
                button(
                    "Cancel",
                    lambda: run_action(hub.batches.cancel(batch.id), "Cancelled."),
                    label="Cancel this batch",
                    look="danger",
                )
            self._about = text("", "ts-sub")
            with box("ts-meter") as meter:
                meter.props["aria-hidden"] = "true"  # the line above says the same
                self._fill = box("ts-meter-fill")
            self._files = KeyedList[RunningOffload](
                box("ts-rows", "ul"), lambda each: each.id, lambda each: _File(clock, each)
            )
            self._pane = box("ts-stream")
            self._pane.props.update({"tabindex": "0", "role": "region", "aria-label": "Its answer so far"})
            self._stream = RebuiltSection(self._pane)
        self._text: StreamedText | None = None

    def update(self, shown: Shown) -> None:
        """Show the batch's progress."""
        batch, offloads, left = shown
        running = tuple(each for each in offloads if not each.waits)
        waiting = max(0, batch.left - len(running))
        parts = (
            f"{formats.number(batch.total - batch.left)} of {formats.count(batch.total, 'task')} done",
            f"{len(running)} running" if running else "",
            f"{formats.number(waiting)} waiting" if waiting else "",
            f"{formats.roughly(left)} left" if left else "",
            formats.client_name(batch.client),
        )
        self._about.set_text(" · ".join(part for part in parts if part))
        self._fill.style(f"width: {(batch.total - batch.left) / batch.total if batch.total else 0:.0%}")
        self._files.update(running)
        self._show_text(running)

    def _show_text(self, running: Sequence[RunningOffload]) -> None:
        first = next((each for each in running if each.text), None)

        def build() -> None:
            self._text = StreamedText(first) if first is not None else None

        self._stream.show(first.id if first is not None else "", build)
        self._pane.set_visibility(first is not None)
        if first is not None and self._text is not None:
            self._text.show(first)


class _File:
    """One file being written: its name, the stage, and the figures."""

    def __init__(self, clock: Clock, offload: RunningOffload) -> None:
        self._offload = offload
        with box("ts-run-file", "li") as self.element:
            with link(f"/offload/{offload.id}", "ts-run-file-name") as name:
                name.set_text(formats.target(offload.output, offload.files) or "text")
            set_title(name, offload.output)
            self._stage = text("", "ts-sub ts-grow")
            clock.show(lambda _: _figures(self._offload), "ts-num ts-sub")

    def update(self, offload: RunningOffload) -> None:
        """Show the file's progress."""
        self._offload = offload
        self._stage.set_text(formats.stage(offload.stage))


def _figures(offload: RunningOffload) -> str:
    if not offload.tokens:
        return ""
    return f"~{formats.number(offload.tokens)} tokens · {formats.speed(offload.tokens_per_second)}"
