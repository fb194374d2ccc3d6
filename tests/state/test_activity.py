"""The snapshot reflects the recorded events."""

import threading
import time

import pytest

from server.backends.base import Capabilities, LoadedModel
from server.common.events import (
    ModelProgress,
    OffloadEnded,
    OffloadQueued,
    OffloadStage,
    OffloadText,
    OffloadUndone,
    PauseChanged,
    PromptRead,
)
from server.engine.view import EngineView
from server.state.activity import TEXT_TAIL, ActivityTracker
from server.state.snapshot import EndedOffload

pytestmark = pytest.mark.fast

IDLE = EngineView("ollama", "Ollama", "http://127.0.0.1:11434", Capabilities())
LOADED = EngineView("ollama", "Ollama", "", Capabilities(), loaded=(LoadedModel("qwen"),))
BROKEN = EngineView("ollama", "Ollama", "", Capabilities(), error="backend_unreachable: It is gone.")
QUEUED = OffloadQueued("a", "offload_work", "Write slugify", "claude-code", "slug.py", "qwen")


def tracker(view: EngineView = IDLE) -> ActivityTracker:
    return ActivityTracker("1.0", lambda: view)


def test_an_offload_from_queue_to_end() -> None:
    state = tracker()
    state.record(QUEUED)
    state.record(OffloadStage("a", "generate", "qwen"))
    state.record(OffloadText("a", "def slug", 3, 12.5))
    state.record(OffloadText("a", "ify", 4, 13.0))
    [offload] = state.snapshot().running
    assert (offload.task, offload.output, offload.model) == ("Write slugify", "slug.py", "qwen")
    assert (offload.stage, offload.detail) == ("generate", "qwen")
    assert (offload.text, offload.tokens, offload.tokens_per_second) == ("def slugify", 4, 13.0)
    state.record(OffloadEnded("a", "delivered", "done"))
    assert state.snapshot().running == ()


def test_the_progress_of_the_prompt_and_the_last_result() -> None:
    state = tracker()
    state.record(QUEUED)
    state.record(OffloadStage("a", "prompt"))
    state.record(PromptRead("a", 512, 2048))
    [offload] = state.snapshot().running
    assert (offload.prompt_done, offload.prompt_total) == (512, 2048)
    assert offload.prompt_at == pytest.approx(time.time(), abs=60)
    assert state.snapshot().last is None
    state.record(OffloadEnded("a", "delivered", "done"))
    assert state.snapshot().last == EndedOffload("a", "Write slugify", "slug.py", "delivered")
    state.record(OffloadUndone("a"))
    assert state.snapshot().last == EndedOffload("a", "Write slugify", "slug.py", "undone")


def test_only_the_end_of_a_long_text_is_kept() -> None:
    state = tracker()
    state.record(QUEUED)
    for _ in range(3 * TEXT_TAIL):
        state.record(OffloadText("a", "x", 1, 1.0))
    state.record(OffloadText("a", "the end", 1, 1.0))
    [offload] = state.snapshot().running
    assert len(offload.text) == TEXT_TAIL
    assert offload.text.endswith("the end")
    assert offload.characters == 3 * TEXT_TAIL + len("the end")


def test_a_repair_starts_a_new_text() -> None:
    state = tracker()
    state.record(QUEUED)
    state.record(OffloadText("a", "wrong", 1, 1.0))
    state.record(OffloadStage("a", "repair", "line 1"))
    state.record(OffloadText("a", "right", 1, 1.0))
    [offload] = state.snapshot().running
    assert (offload.text, offload.characters, offload.round) == ("right", 5, 2)


def test_events_of_an_unknown_offload_change_nothing() -> None:
    state = tracker()
    for event in (
        OffloadStage("z", "read"),
        OffloadText("z", "x", 1, 1.0),
        OffloadEnded("z", "failed", ""),
    ):
        state.record(event)
    assert state.snapshot().running == ()


def test_the_state_that_the_icon_shows() -> None:
    assert tracker().snapshot().state == "idle"
    assert tracker(LOADED).snapshot().state == "loaded"
    assert tracker(BROKEN).snapshot().state == "error"
    working = tracker(LOADED)
    working.record(QUEUED)
    assert working.snapshot().state == "working"
    working.record(PauseChanged(paused=True))
    assert working.snapshot().state == "paused"
    working.record(PauseChanged(paused=False))
    assert working.snapshot().state == "working"


def test_a_timed_pause_ends_on_its_own() -> None:
    state = tracker()
    state.record(PauseChanged(paused=True, until=time.time() + 3600))
    assert state.paused_until
    state.record(PauseChanged(paused=True, until=time.time() - 1))
    assert state.paused_until is None
    assert state.snapshot().state == "idle"


def test_a_download_is_shown_until_it_is_done() -> None:
    state = tracker()
    state.record(ModelProgress("qwen", "download", 10, 100))
    [activity] = state.snapshot().activities
    assert (activity.model, activity.phase, activity.completed, activity.total) == (
        "qwen",
        "download",
        10,
        100,
    )
    state.record(ModelProgress("qwen", "download", 100, 100, done=True))
    assert state.snapshot().activities == ()


def test_events_from_many_threads() -> None:
    state = tracker()

    def run(name: str) -> None:
        for number in range(200):
            offload_id = f"{name}{number}"
            state.record(OffloadQueued(offload_id, "offload_work", "t", "c"))
            state.record(OffloadText(offload_id, "x", 1, 1.0))
            state.snapshot()
            state.record(OffloadEnded(offload_id, "delivered", ""))

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.snapshot().running == ()


def test_the_snapshot_is_json() -> None:
    state = tracker(LOADED)
    state.record(QUEUED)
    value = state.snapshot().as_json()
    assert value["running"][0]["task"] == "Write slugify"
    assert value["engine"]["loaded"][0]["name"] == "qwen"
