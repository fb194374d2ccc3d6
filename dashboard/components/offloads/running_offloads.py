"""Running offloads, with their text as the model writes it, and the queue."""

from collections.abc import Sequence
from pathlib import PurePath

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, link, set_classes, set_title, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import run_action
from dashboard.components.live.clock import Clock
from dashboard.components.live.rate_line import RateLine
from dashboard.components.live.streamed_text import StreamedText
from server.hub import Hub
from server.state.snapshot import RunningOffload

PHASES = (
    ("Read", ("read", "fit")),
    ("Engine", ("queue", "download", "load")),
    ("Prompt", ("prompt",)),
    ("Write", ("generate",)),
    ("Check", ("check", "repair", "sample")),
    ("Deliver", ("deliver",)),
)
"""The steps of an offload in the progress display, with the stages that belong to each."""
MOST_LINES = 20
"""Maximum number of queue entries shown."""


class RunningList:
    """The running offloads: one pane each, updated in place."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        body = box("ts-runs")
        self._panes = KeyedList[RunningOffload](
            body, lambda offload: offload.id, lambda offload: RunningPane(hub, clock, offload)
        )

    def update(self, offloads: Sequence[RunningOffload]) -> None:
        """Show these offloads, oldest first."""
        self._panes.update(offloads)


class RunningPane:
    """The pane for one running offload."""

    def __init__(self, hub: Hub, clock: Clock, offload: RunningOffload) -> None:
        self._hub = hub
        self._offload = offload
        self._rates: RateLine | None = None
        with box("ts-run", "article", formats.one_line(offload.task, 80)) as self.element:
            with box("ts-run-head"):
                with link(f"/offload/{offload.id}", "ts-run-task"):
                    text(formats.one_line(offload.task, 240), "ts-task")
                button("Cancel", self._cancel, label="Cancel this offload", look="danger")
            self._about = text("", "ts-sub")
            with box("ts-track", "ol") as track:
                track.props["aria-hidden"] = "true"
                self._steps = [text(name, "ts-step", "li") for name, _ in PHASES]
            with box("ts-run-line"):
                self._stage = text("", "ts-run-stage")
                self._detail = text("", "ts-sub")
                # Figures change once a second, because people cannot read them faster.
                clock.show(lambda _: _tokens(self._offload), "ts-num")
                clock.show(self._speed, "ts-num")
                self._rates = RateLine()
                clock.show(
                    lambda now: formats.duration(max(0.0, now - offload.started_at)), "ts-num ts-run-time"
                )
            with box("ts-run-prompt") as self._prompt:
                with box("ts-meter") as meter:
                    meter.props["aria-hidden"] = "true"
                    self._fill = box("ts-meter-fill")
                clock.show(lambda now: prompt_progress(self._offload, now), "ts-sub ts-num")
            with box("ts-stream") as self._stream:
                self._stream.props.update(
                    {"tabindex": "0", "role": "region", "aria-label": "The answer so far"}
                )
                self._text = StreamedText(offload)

    def update(self, offload: RunningOffload) -> None:
        """Show the offload's progress."""
        self._offload = offload
        # While the model writes, the detail is its name, which stands above.
        model = offload.detail if offload.stage == "generate" else ""
        about = (
            formats.target(offload.output, offload.files),
            offload.model or model,
            formats.client_name(offload.client),
        )
        self._about.set_text(" · ".join(part for part in about if part))
        set_title(self._about, offload.output)
        self._stage.set_text(formats.stage(offload.stage))
        self._detail.set_text("" if model else offload.detail)
        at = next((at for at, (_, stages) in enumerate(PHASES) if offload.stage in stages), 0)
        for number, step in enumerate(self._steps):
            set_classes(
                step, f"ts-step {'ts-step-done' if number < at else 'ts-step-now' if number == at else ''}"
            )
        reads = offload.stage == "prompt" and bool(offload.prompt_total)
        self._prompt.set_visibility(reads)
        if reads:
            self._fill.style(f"width: {offload.prompt_done / offload.prompt_total:.0%}")
        if self._rates is not None:
            self._rates.set_visibility(bool(offload.tokens_per_second))
        self._text.show(offload)
        self._stream.set_visibility(bool(offload.text))

    def _speed(self, _now: float) -> str:
        rate = self._offload.tokens_per_second
        if rate and self._rates is not None:  # the first speed is shown before the line exists
            self._rates.add(rate)
        return formats.speed(rate) if rate else ""

    async def _cancel(self) -> None:
        await run_action(self._hub.offloader.cancel(self._offload.id), "Cancelled.")


def _tokens(offload: RunningOffload) -> str:
    return f"~{formats.number(offload.tokens)} tokens" if offload.tokens else ""


def prompt_progress(offload: RunningOffload, now: float) -> str:
    """Return how much of the prompt has been read and the time left: ``62 % read · about 12 s left``."""
    if not offload.prompt_total:
        return ""
    share = offload.prompt_done / offload.prompt_total
    spent = now - offload.prompt_at
    left = spent * (1 - share) / share if share and spent > 1 else 0.0
    return f"{share:.0%} read".replace("%", " %") + (f" · {formats.roughly(left)} left" if left else "")


class WaitingList:
    """The offloads waiting for the engine, one per line."""

    def __init__(self, hub: Hub) -> None:
        with box("ts-waiting") as self._body:
            self._head = text("", "ts-waiting-head", "h3")
            self._lines = KeyedList[RunningOffload](
                box("ts-rows ts-waiting-lines", "ol"),
                lambda offload: offload.id,
                lambda offload: _Line(hub, offload),
            )
            self._more = text("", "ts-sub", "p")
        self._body.set_visibility(False)

    def update(self, offloads: Sequence[RunningOffload]) -> None:
        """Update the queue, with the next offload first."""
        self._body.set_visibility(bool(offloads))
        self._head.set_text(f"{len(offloads)} waiting for the engine, next first")
        self._lines.update(offloads[:MOST_LINES])
        more = len(offloads) - MOST_LINES
        self._more.set_text(f"and {formats.number(more)} more" if more > 0 else "")
        self._more.set_visibility(more > 0)


def _waits_for(offload: RunningOffload) -> str:
    """Return a waiting offload's file names and client."""
    read = ", ".join(PurePath(each).name for each in offload.files if each != offload.output)
    files = " ".join(part for part in (read, formats.target(offload.output, offload.files)) if part)
    return " · ".join(part for part in (files, formats.client_name(offload.client)) if part)


class _Line:
    def __init__(self, hub: Hub, offload: RunningOffload) -> None:
        with box("ts-wait", "li") as self.element:
            text("", "ts-wait-place ts-num").props["aria-hidden"] = "true"  # the stylesheet counts
            with box("ts-wait-words"):
                text(formats.one_line(offload.task, 120), "ts-task")
                text(_waits_for(offload), "ts-sub", title=offload.output)
            button(
                "Cancel",
                lambda: run_action(hub.offloader.cancel(offload.id), "Cancelled."),
                label="Cancel this offload",
                look="danger",
            )

    def update(self, _offload: RunningOffload) -> None:
        """Do nothing: the line for a waiting offload never changes."""
