"""What runs now, with the text as the model writes it, and what waits."""

from collections.abc import Sequence
from pathlib import PurePath

from nicegui.element import Element

from dashboard import formats
from dashboard.components.button import button
from dashboard.components.card import empty
from dashboard.components.clock import Clock
from dashboard.components.notices import attempt
from dashboard.components.text import box, icon, link, set_classes, set_title, text
from server.hub import Hub
from server.snapshot import RunningOffload

PHASES = (
    ("Read", ("read", "fit")),
    ("Engine", ("queue", "download", "load")),
    ("Prompt", ("prompt",)),
    ("Write", ("generate",)),
    ("Check", ("check", "repair")),
    ("Deliver", ("deliver",)),
)
"""The steps of one offload as the track shows them, and the stages of each."""


class Running:
    """The offloads under way: a pane for each, changed in place."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._panes: dict[str, RunningPane] = {}
        with box("runs") as self._body, box() as self._empty:
            empty(
                "Nothing runs. Claude hands work over by itself; from a shell you can try:",
                command='token-saver offload "Write slugify(text) in Python" --output slug.py',
            )

    def update(self, offloads: Sequence[RunningOffload]) -> None:
        """Show these offloads, the oldest first."""
        now = {offload.id for offload in offloads}
        for gone in [each for each in self._panes if each not in now]:
            self._panes.pop(gone).delete()
        for offload in offloads:
            pane = self._panes.get(offload.id)
            if pane is None:
                with self._body:
                    pane = self._panes[offload.id] = RunningPane(self._hub, self._clock, offload)
            pane.update(offload)
        self._empty.set_visibility(not offloads)


class RunningPane:
    """One offload under way."""

    def __init__(self, hub: Hub, clock: Clock, offload: RunningOffload) -> None:
        self._hub = hub
        self._id = offload.id
        with box("run", "article", formats.one_line(offload.task, 80)) as self._pane:
            with box("run-head"):
                with link(f"/offload/{offload.id}", "run-task"):
                    text(formats.one_line(offload.task, 240), "task")
                button("Cancel", self._cancel, label="Cancel this offload", look="danger")
            self._about = text("", "sub")
            with box("track", "ol") as track:
                track.props["aria-hidden"] = "true"
                self._steps = [text(name, "step", "li") for name, _ in PHASES]
            with box("run-line"):
                self._stage = text("", "run-stage")
                self._detail = text("", "sub")
                self._tokens = text("", "num")
                self._speed = text("", "num")
                clock.show(lambda now: formats.duration(max(0.0, now - offload.started_at)), "num")
            with box("stream") as self._stream:
                self._stream.props.update(
                    {"tabindex": "0", "role": "region", "aria-label": "The answer so far"}
                )
                self._text = text("", "stream-text", "pre")

    def update(self, offload: RunningOffload) -> None:
        """Show how far it is."""
        about = (
            offload.client,
            f"→ {PurePath(offload.output).name}" if offload.output else "",
            offload.model,
        )
        self._about.set_text(" · ".join(part for part in about if part))
        set_title(self._about, offload.output)
        self._stage.set_text(formats.stage(offload.stage))
        self._detail.set_text(offload.detail)
        self._tokens.set_text(f"~{formats.number(offload.tokens)} tokens" if offload.tokens else "")
        self._speed.set_text(formats.speed(offload.tokens_per_second) if offload.tokens_per_second else "")
        at = next((at for at, (_, stages) in enumerate(PHASES) if offload.stage in stages), 0)
        for number, step in enumerate(self._steps):
            set_classes(step, f"step {'step-done' if number < at else 'step-now' if number == at else ''}")
        self._text.set_text(offload.text)
        self._stream.set_visibility(bool(offload.text))

    def delete(self) -> None:
        """Take it off the page."""
        self._pane.delete()

    async def _cancel(self) -> None:
        await attempt(self._hub.offloader.cancel(self._id), "Cancelled.")


class Waiting:
    """The queue in front of the engine, in one line each."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._shown: tuple[str, ...] = ()
        with box("waiting") as self._body:
            pass
        self._body.set_visibility(False)

    def update(self, offloads: Sequence[RunningOffload]) -> None:
        """Show what waits, the next one first."""
        ids = tuple(offload.id for offload in offloads)
        if ids == self._shown:
            return
        self._shown = ids
        self._body.clear()
        self._body.set_visibility(bool(ids))
        with self._body:
            text(f"{len(ids)} waiting for the engine", "waiting-head", "h3")
            with box("rows", "ul"):
                for offload in offloads[:20]:
                    self._line(offload)
            if len(offloads) > 20:
                text(f"and {formats.count(len(offloads) - 20, 'more', 'more')}", "sub", "p")

    def _line(self, offload: RunningOffload) -> Element:
        with box("wait", "li") as line:
            icon("hourglass_empty")
            text(formats.one_line(offload.task, 120), "task")
            text(offload.client, "sub")
            button(
                "Cancel",
                lambda: attempt(self._hub.offloader.cancel(offload.id), "Cancelled."),
                label="Cancel this offload",
                look="danger",
            )
        return line
