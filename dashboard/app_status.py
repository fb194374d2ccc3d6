"""The app's state in words, with the next step if the user needs to act."""

from dataclasses import dataclass

from dashboard.formats import clock_time, count, size
from server.backends.embedded.catalogue import pinned_models
from server.engine.view import EngineView
from server.state.snapshot import RunningOffload, Snapshot

DOING = {"download": "Downloading", "load": "Loading", "measure": "Measuring"}
"""Display text for each ``ModelActivity`` phase."""


PAUSED = "Offloading is paused. Claude does the work itself until you resume."
FINISHING = "Running work finishes first."


@dataclass(frozen=True)
class Headline:
    """The app's state. ``word`` is one or two words, ``detail`` a one-line explanation. ``next_step`` is
    empty if the user need not do anything.
    """

    state: str
    word: str
    detail: str
    next_step: str = ""


def headline(snapshot: Snapshot) -> Headline:
    """Summarise the app's state. Problems take precedence over work in progress."""
    return _obstacle(snapshot) or _question(snapshot) or _work(snapshot) or _rest(snapshot.engine)


def split(
    offloads: tuple[RunningOffload, ...],
) -> tuple[tuple[RunningOffload, ...], tuple[RunningOffload, ...]]:
    """Split the offloads into those that are running and those waiting for the engine."""
    return tuple(each for each in offloads if not each.waits), tuple(each for each in offloads if each.waits)


def _obstacle(snapshot: Snapshot) -> Headline | None:
    engine = snapshot.engine
    if snapshot.giving_way:
        return Headline("paused", "Paused", snapshot.giving_way, on_hold(snapshot))
    if snapshot.paused_until is not None:
        until = clock_time(snapshot.paused_until) if snapshot.paused_until else ""
        detail = f"until {until}" if until else "until you resume"
        return Headline("paused", "Paused", detail, on_hold(snapshot))
    if engine.error and not snapshot.running:
        if not engine.label:
            return Headline("error", "No engine", "none found yet", engine.error)
        return Headline("error", "Engine trouble", engine.label, engine.error)
    return None


def _question(snapshot: Snapshot) -> Headline | None:
    if not snapshot.approvals:
        return None
    running = snapshot.counts[0]
    asked = f"{count(len(snapshot.approvals), 'call')} to approve"
    return Headline("paused", "Waiting for you", f"{asked}, {running} running" if running else asked)


def on_hold(snapshot: Snapshot) -> str:
    """Describe what work a pause has stopped and what is still running."""
    parts = [PAUSED]
    if snapshot.running:
        parts.append(FINISHING)
    if snapshot.on_hold:
        parts.append(f"On hold: {'; '.join(snapshot.on_hold)}.")
    return " ".join(parts)


def _work(snapshot: Snapshot) -> Headline | None:
    running, waiting = snapshot.counts
    if running or waiting:
        words = (f"{running} running" if running else "", f"{waiting} waiting" if waiting else "")
        return Headline("working", "Working", ", ".join(word for word in words if word))
    if snapshot.activities:
        activity = snapshot.activities[0]
        return Headline("working", DOING[activity.phase], activity.model)
    return None


def _rest(engine: EngineView) -> Headline:
    if engine.loaded:
        return Headline("loaded", "Ready", ", ".join(model.name for model in engine.loaded))
    if not engine.installed and not engine.default_model:
        next_step = f"{engine.label} has no model yet. Download one on the Models page."
        return Headline("idle", "No model", engine.label, next_step)
    if missing := to_fetch(engine):
        return Headline("idle", "Idle", f"the next offload first downloads {missing}")
    return Headline("idle", "Idle", "no model loaded; the next offload loads one")


def to_fetch(engine: EngineView) -> str:
    """Return the model that must be downloaded before the next offload, with its size; empty if there is
    none.
    """
    name = engine.default_model
    pinned = pinned_models().get(name) if engine.capabilities.run_by_app else None
    if pinned is None or any(model.name == name for model in engine.installed):
        return ""
    return f"{name} ({size(pinned.size)})"
