"""The state of the app in words."""

from dataclasses import replace

import pytest

from dashboard.app_status import headline, to_fetch
from server.backends.base import Capabilities, InstalledModel, LoadedModel
from server.engine.view import EngineView
from server.state.snapshot import ModelActivity, PendingApproval, RunningOffload, Snapshot, WorkingBatch

pytestmark = pytest.mark.fast

OLLAMA = EngineView("ollama", "Ollama", "http://127.0.0.1:11434", Capabilities(), (InstalledModel("m"),), ())
REST = Snapshot("1", "", "idle", 0.0, OLLAMA)
ASKS = PendingApproval("1", "offload_work", "claude-code", "", "many files", 3, (), 0.0)
RUN = RunningOffload("1", "offload_work", "Do it", "claude-code", "a.py", "m", 0.0, "generate")


@pytest.mark.parametrize(
    ("snapshot", "word", "has_next_step"),
    [
        (REST, "Idle", False),
        (replace(REST, engine=replace(OLLAMA, loaded=(LoadedModel("m"),))), "Ready", False),
        (replace(REST, engine=replace(OLLAMA, installed=())), "No model", True),
        (replace(REST, engine=replace(OLLAMA, error="It is gone. Start it.")), "Engine trouble", True),
        (
            replace(REST, engine=EngineView("", "", "", Capabilities(), error="None. Start one.")),
            "No engine",
            True,
        ),
        (replace(REST, running=(RUN,)), "Working", False),
        (replace(REST, running=(replace(RUN, stage="queue"),)), "Working", False),
        (replace(REST, running=(RUN,), approvals=(ASKS,)), "Waiting for you", False),
        (replace(REST, activities=(ModelActivity("m", "download"),)), "Downloading", False),
        (replace(REST, activities=(ModelActivity("m", "measure", 3, 20),)), "Measuring", False),
        (replace(REST, running=(RUN,), paused_until=0.0), "Paused", True),
        (replace(REST, paused_until=0.0, giving_way="game.exe runs full-screen."), "Paused", True),
    ],
    ids=[
        "idle",
        "loaded",
        "no-model",
        "engine-error",
        "no-engine",
        "running",
        "queued",
        "asking",
        "downloading",
        "measuring",
        "paused-by-the-user",
        "paused-automatically",
    ],
)
def test_the_state_in_a_word(snapshot: Snapshot, word: str, has_next_step: bool) -> None:
    said = headline(snapshot)
    assert said.word == word
    assert bool(said.next_step) == has_next_step


def test_a_batch_that_has_just_ended_hides_no_waiting_task_of_another() -> None:
    batches = (WorkingBatch("j1", "Do it", "c", 2, 0), WorkingBatch("j2", "Do it", "c", 3, 3))
    snapshot = replace(REST, running=(replace(RUN, job_id="j1"),), batches=batches)
    assert headline(snapshot).detail == "1 running, 3 waiting"


def test_a_missing_default_model_is_named_with_its_size() -> None:
    name = "qwen2.5-coder-1.5b"
    engine = EngineView(
        "embedded", "Embedded llama.cpp", "", Capabilities(run_by_app=True), default_model=name
    )
    assert to_fetch(engine) == f"{name} (1.1 GB)"
    assert to_fetch(engine) in headline(replace(REST, engine=engine)).detail
    there = replace(engine, installed=(InstalledModel(name),))
    assert to_fetch(there) == to_fetch(OLLAMA) == ""
    assert "loads one" in headline(replace(REST, engine=there)).detail


def test_an_automatic_pause_shows_its_reason() -> None:
    reason = "game.exe runs full-screen. Work resumes automatically."
    paused = replace(REST, paused_until=0.0, giving_way=reason)
    assert headline(paused).detail == reason


def test_the_state_counts_running_and_waiting_offloads() -> None:
    busy = replace(
        REST, running=(RUN, replace(RUN, id="2", stage="queue"), replace(RUN, id="3", stage="queue"))
    )
    assert headline(busy).detail == "1 running, 2 waiting"
