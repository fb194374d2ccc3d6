"""Notices for important events; each kind can be turned off."""

from dataclasses import replace

import pytest

from server.backends.base import Capabilities
from server.common.events import ApprovalRequested, EngineChanged, Event, ModelProgress, PauseChanged
from server.config.sections import TraySettings
from server.engine.view import EngineView
from server.state.snapshot import Snapshot
from tray.batches import Batch
from tray.notices import ANSWERS, Notice, notice_of_batch, notice_of_change, notice_of_event

pytestmark = pytest.mark.fast

ALL = TraySettings()
NONE = TraySettings(
    notify_batch=False, notify_approval=False, notify_engine=False, notify_model=False, notify_pause=False
)
GAME = "game.exe runs full-screen. Work resumes automatically."
PULLED = ModelProgress("qwen", "download", 10, 10, done=True)
ENGINE = EngineView("ollama", "Ollama 0.33", "http://127.0.0.1:11434", Capabilities())
WELL = Snapshot("0.1.0", "", "idle", 0.0, ENGINE)
LOST = replace(WELL, engine=replace(ENGINE, error="Ollama does not answer. Start it."))


@pytest.mark.parametrize(
    ("event", "notice"),
    [
        (PULLED, Notice("Model ready", "qwen is downloaded and ready.")),
        (replace(PULLED, error="no_network: x."), Notice("Download failed", "qwen: no_network: x.")),
        (replace(PULLED, done=False), None),
        (ModelProgress("qwen", "load", done=True), None),
        (
            ApprovalRequested("a1", "offload_work", "cursor", "Over 50 files", 60, (), 0.0),
            Notice(
                "Approval needed",
                "offload_work, from cursor, 60 files. Over 50 files.",
                topic="a1",
                choices=ANSWERS,
            ),
        ),
        (
            ApprovalRequested(
                "a1",
                "offload_work",
                "x\n" + 60 * "y",
                "Only documents.",
                1,
                (),
                0.0,
                "Write\nthe tests",
                "tests/test_a.py",
            ),
            Notice(
                "Approval needed",
                f"“Write the tests” → test_a.py, from x {45 * 'y'}…, 1 file. Only documents.",
                topic="a1",
                choices=ANSWERS,
            ),
        ),
        (EngineChanged(), None),
        (PauseChanged(paused=True, reason=GAME, giving_way=True), Notice("Offloading is paused", GAME)),
        (PauseChanged(paused=True, reason="by the user"), None),
        (PauseChanged(paused=False), None),
    ],
    ids=[
        "model-downloaded",
        "download-failed",
        "download-running",
        "model-loaded",
        "approval",
        "approval-with-a-long-client-name",
        "engine-changed",
        "automatic-pause",
        "pause-by-the-user",
        "resumed",
    ],
)
def test_events(event: Event, notice: Notice | None) -> None:
    assert notice_of_event(event, ALL) == notice
    assert notice_of_event(event, NONE) is None


def test_a_lost_engine_is_reported_once() -> None:
    assert notice_of_change(WELL, LOST, ALL) == Notice(
        "Engine not responding", "Ollama does not answer. Start it."
    )
    assert notice_of_change(LOST, LOST, ALL) is None
    assert notice_of_change(LOST, WELL, ALL) is None
    assert notice_of_change(WELL, LOST, NONE) is None


def test_a_missing_engine_is_not_reported() -> None:
    nothing = replace(WELL, engine=replace(ENGINE, label=""))
    assert notice_of_change(nothing, LOST, ALL) is None


def test_the_end_of_a_batch_is_reported() -> None:
    running = Batch("j1", "Docstrings", "running", total=40, ended=39, wrong=2)
    done = replace(running, state="done", ended=40)
    assert notice_of_batch(running, done, ALL) == Notice(
        "Batch finished", "Docstrings: 38 of 40 done, 2 failed."
    )
    stopped = replace(running, state="stopped", reason="Stopped at its deadline.")
    assert notice_of_batch(running, stopped, ALL) == Notice(
        "Batch stopped", "Docstrings: 37 of 40 done, 2 failed. Stopped at its deadline."
    )
    assert notice_of_batch(running, done, NONE) is None


def test_other_changes_of_a_batch_are_not_reported() -> None:
    running = Batch("j1", "Docstrings", "running", total=2, ended=0, wrong=0)
    assert notice_of_batch(None, running, ALL) is None
    assert notice_of_batch(running, replace(running, ended=1), ALL) is None
    assert notice_of_batch(running, replace(running, state="cancelled"), ALL) is None
    assert notice_of_batch(None, replace(running, state="done"), ALL) is None
