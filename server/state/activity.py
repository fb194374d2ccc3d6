"""Tracks current activity, the changing part of the ``Snapshot``, from events.

All data is in memory. ``record`` can be called from any thread.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from server.common.events import (
    Event,
    MeasureProgress,
    ModelProgress,
    OffloadEnded,
    OffloadQueued,
    OffloadStage,
    OffloadText,
    OffloadUndone,
    PauseChanged,
    PromptRead,
)
from server.engine.view import LOOKING, EngineView
from server.state.snapshot import EndedOffload, ModelActivity, RunningOffload, Snapshot, State
from server.store.records import Totals

TEXT_TAIL = 4096
"""Characters of streamed text kept per running offload: about one page in the dashboard's pane."""


class ActivityTracker:
    """Tracks running offloads, model activity, pause and totals, and combines them into a snapshot."""

    def __init__(self, version: str, view: Callable[[], EngineView], url: str = "") -> None:
        self._version = version
        self._view = view
        self._lock = threading.Lock()
        self._running: dict[str, RunningOffload] = {}
        self._activities: dict[str, ModelActivity] = {}
        self._paused_until: float | None = None
        self._giving_way = ""
        self._today = Totals()
        self._all = Totals()
        self._last: EndedOffload | None = None
        self.url = url

    def record(self, event: Event) -> None:
        """Apply an event. Events that do not affect the snapshot are ignored."""
        with self._lock:
            match event:
                case OffloadQueued():
                    self._running[event.offload_id] = _queued(event)
                case OffloadStage():
                    self._change(event.offload_id, stage=event.stage, detail=event.detail)
                case PromptRead():
                    self._read_prompt(event)
                case OffloadText():
                    self._append(event)
                case OffloadEnded():
                    self._end(event)
                case OffloadUndone():
                    if self._last is not None and self._last.id == event.offload_id:
                        self._last = replace(self._last, outcome="undone")
                case ModelProgress():
                    self._progress(event)
                case MeasureProgress(ended=True):
                    self._activities.pop(event.model, None)
                case MeasureProgress():
                    self._activities[event.model] = ModelActivity(
                        event.model, "measure", event.done, event.total
                    )
                case PauseChanged():
                    self._paused_until = event.until if event.paused else None
                    self._giving_way = event.reason if event.giving_way else ""
                case _:
                    return

    def set_totals(self, today: Totals, everything: Totals) -> None:
        """Set the totals read from the history: today's and the all-time totals."""
        with self._lock:
            self._today, self._all = today, everything

    @property
    def paused_until(self) -> float | None:
        """End of the pause in seconds since the epoch; 0 for "until I resume", None if not paused."""
        until = self._paused_until
        return None if until and until <= time.time() else until

    def snapshot(self) -> Snapshot:
        """Return the current snapshot."""
        engine = self._view()
        paused = self.paused_until
        with self._lock:
            running = tuple(self._running.values())
            return Snapshot(
                version=self._version,
                url=self.url,
                state=_state(engine, running, paused is not None),
                taken_at=time.time(),
                engine=engine,
                activities=tuple(self._activities.values()),
                running=running,
                saved_today=self._today,
                saved_all=self._all,
                paused_until=paused,
                giving_way=self._giving_way,
                last=self._last,
            )

    def _change(self, offload_id: str, *, stage: str, detail: str) -> None:
        if (offload := self._running.get(offload_id)) is not None:
            # A repair or a sample starts a new answer; the history keeps the errors of the previous one.
            if stage in ("repair", "sample"):
                offload = replace(offload, text="", characters=0, round=offload.round + 1)
            if stage == "prompt":
                offload = replace(offload, prompt_done=0, prompt_total=0, prompt_at=time.time())
            self._running[offload_id] = replace(offload, stage=stage, detail=detail)

    def _end(self, event: OffloadEnded) -> None:
        if (offload := self._running.pop(event.offload_id, None)) is not None:
            self._last = EndedOffload(offload.id, offload.task, offload.output, event.outcome)

    def _read_prompt(self, event: PromptRead) -> None:
        if (offload := self._running.get(event.offload_id)) is not None:
            self._running[event.offload_id] = replace(
                offload, prompt_done=event.done, prompt_total=event.total
            )

    def _append(self, event: OffloadText) -> None:
        if (offload := self._running.get(event.offload_id)) is not None:
            self._running[event.offload_id] = replace(
                offload,
                text=(offload.text + event.text)[-TEXT_TAIL:],
                characters=offload.characters + len(event.text),
                tokens=event.tokens,
                tokens_per_second=event.tokens_per_second,
            )

    def _progress(self, event: ModelProgress) -> None:
        if event.done:
            self._activities.pop(event.model, None)
        else:
            self._activities[event.model] = ModelActivity(
                event.model, event.phase, event.completed, event.total, event.rate
            )


def _queued(event: OffloadQueued) -> RunningOffload:
    return RunningOffload(
        id=event.offload_id,
        tool=event.tool,
        task=event.task,
        client=event.client,
        output=event.output,
        model=event.model,
        started_at=time.time(),
        stage="queue",
        files=event.files,
        job_id=event.job_id,
    )


def _state(engine: EngineView, running: tuple[RunningOffload, ...], paused: bool) -> State:
    if paused:
        return "paused"
    if running:
        return "working"
    if engine.error not in ("", LOOKING):
        return "error"
    return "loaded" if engine.loaded else "idle"
