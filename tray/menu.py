"""What the tray says: from one snapshot to the menu, the icon's face and the tooltip, as pure functions.

Two equal menus look the same, so the tray shows a new one only when something differs: nothing in a
label moves faster than once a minute or with every task.
"""

from dataclasses import dataclass
from typing import Literal

from server.backends.base import InstalledModel, LoadedModel
from server.common.events import ApprovalRequested
from server.engine.view import EngineView
from server.models.catalogue import CatalogueModel
from server.models.recommend import memory_needed
from server.state.snapshot import ModelActivity, RunningOffload, Snapshot
from tray import words
from tray.batches import Batch
from tray.icon import Face

ActionName = Literal[
    "open",
    "load",
    "unload",
    "cancel",
    "pause",
    "resume",
    "pause-batch",
    "resume-batch",
    "cancel-batch",
    "approve",
    "deny",
    "connect",
    "autostart",
    "about",
    "quit",
]
APPROVALS = (("Approve once", "once"), ("For this session", "session"), ("Always in this project", "project"))
"""Labels, and the extents of an approval."""
SHOWN_PATHS = 5
PAUSES: tuple[tuple[str, float], ...] = (("15 minutes", 900), ("1 hour", 3600), ("Until I resume", 0))
"""Labels, and seconds (0: without end)."""


@dataclass(frozen=True)
class Action:
    """What a click does. ``target`` is a model, the id of an offload, a batch or an approval, the seconds of
    a pause, or a client; ``extent`` is that of an approval."""

    name: ActionName
    target: str = ""
    extent: str = ""


@dataclass(frozen=True)
class Entry:
    """One line of the menu; with ``children`` it opens another menu, without ``action`` it only tells."""

    label: str
    action: Action | None = None
    children: tuple["Entry", ...] = ()
    checked: bool | None = None
    default: bool = False

    @property
    def enabled(self) -> bool:
        """Whether it can be clicked."""
        return self.action is not None or bool(self.children)


@dataclass(frozen=True)
class Surroundings:
    """What the system around the app says. ``autostart`` is None where it has no start at login;
    ``clients`` are the MCP clients that are installed, and whether they are connected; ``room`` is memory
    (bytes) for a model, with the loaded ones gone, None where nobody looked."""

    autostart: bool | None = None
    clients: tuple[tuple[str, bool], ...] = ()
    room: int | None = None


@dataclass(frozen=True)
class Pending:
    """What goes on or waits beside what the snapshot shows."""

    batches: tuple[Batch, ...] = ()
    approvals: tuple[ApprovalRequested, ...] = ()


NOTHING = Pending()
SEPARATOR = Entry("-")

Menu = tuple[Entry, ...]


def build_menu(snapshot: Snapshot, around: Surroundings, pending: Pending = NOTHING) -> Menu:
    """Return the menu."""
    engine = snapshot.engine
    return (
        *(_approval(request) for request in pending.approvals),
        *((SEPARATOR,) if pending.approvals else ()),
        *_status(snapshot),
        SEPARATOR,
        Entry("Open dashboard", Action("open"), default=True),
        SEPARATOR,
        *_load(engine, around.room),
        *_unload(engine),
        _pause(snapshot.paused_until),
        *(_batch(batch) for batch in pending.batches),
        *_running(snapshot.running),
        SEPARATOR,
        Entry(words.saved(snapshot.saved_today.net_tokens)),
        SEPARATOR,
        *_connect(around.clients),
        *_autostart(around.autostart),
        Entry(f"About Claude Token Saver {snapshot.version}", Action("about")),
        Entry(_quit_label(snapshot, pending.batches), Action("quit")),
    )


def face(snapshot: Snapshot, pending: Pending = NOTHING) -> Face:
    """Return what the icon shows: the arc is that of the batches, or else of a download."""
    if pending.approvals:
        return Face("attention")
    working = [batch for batch in pending.batches if batch.state == "running"]
    if snapshot.state == "paused" or not (snapshot.running or snapshot.activities or working):
        return Face(snapshot.state)
    if total := sum(batch.total for batch in working):
        return Face("working", sum(batch.ended for batch in working) / total)
    return Face("working", _progress(snapshot.activities))


def tooltip(snapshot: Snapshot, pending: Pending = NOTHING) -> str:
    """Return the one line that is shown when the pointer rests on the icon."""
    saved = words.saved(snapshot.saved_today.net_tokens)
    waits = len(pending.approvals)
    headline = f"{words.count(waits, 'call')} to approve" if waits else _headline(snapshot)
    return f"Claude Token Saver: {headline}; {saved}"


def _headline(snapshot: Snapshot) -> str:
    engine = snapshot.engine
    if snapshot.paused_until is not None:
        return "paused"
    if snapshot.running:
        return f"{words.count(len(snapshot.running), 'task')} at work"
    if snapshot.activities:
        return _activity(snapshot.activities[0])
    if engine.error:
        return words.shorten(engine.error, 80)
    if engine.loaded:
        return f"{', '.join(model.name for model in engine.loaded)} loaded"
    return "no model loaded"


def _status(snapshot: Snapshot) -> Menu:
    engine = snapshot.engine
    lines = [Entry(_loaded(model, snapshot.taken_at)) for model in engine.loaded]
    if engine.error:
        lines = [Entry(words.shorten(engine.error, 80))]
    elif not lines:
        lines = [Entry("No model loaded")]
    if snapshot.giving_way:
        lines.append(Entry(words.shorten(f"Paused: {snapshot.giving_way}", 80)))
    return (*lines, *(Entry(_activity(activity)) for activity in snapshot.activities))


def _loaded(model: LoadedModel, now: float) -> str:
    parts = [model.name]
    if model.size:
        parts.append(words.size(model.size))
        if 0 < model.size_vram < model.size:
            parts.append(f"{round(100 * model.size_vram / model.size)} % on the GPU")
    if model.expires_at is not None:
        parts.append(f"{words.time_left(model.expires_at - now)} left")
    return " · ".join(parts)


def _activity(activity: ModelActivity) -> str:
    verb = {"download": "Downloading", "measure": "Measuring"}.get(activity.phase, "Loading")
    if not activity.total:
        return f"{verb} {activity.model}"
    # In steps of 5 %: the menu is rebuilt with every change of a label.
    return f"{verb} {activity.model}: {100 * activity.completed // activity.total // 5 * 5} %"


def _load(engine: EngineView, room: int | None) -> Menu:
    if not engine.capabilities.load:
        return (Entry(f"{engine.label} loads models by itself"),) if engine.label and not engine.error else ()
    loaded = {model.name for model in engine.loaded}
    models = [model for model in engine.installed if model.generates]
    return (Entry("Load", children=tuple(_loadable(model, loaded, room) for model in models)),)


def _loadable(model: InstalledModel, loaded: set[str], room: int | None) -> Entry:
    label = f"{model.name} ({words.size(model.size)})" if model.size else model.name
    if room is not None and model.size and model.name not in loaded:
        needed = memory_needed(CatalogueModel(name=model.name, size=model.size))
        label += " · fits" if needed <= room else " · too large now"
    return Entry(label, Action("load", model.name), checked=model.name in loaded)


def _unload(engine: EngineView) -> Menu:
    if not engine.capabilities.unload or not engine.loaded:
        return ()
    names = [model.name for model in engine.loaded]
    if len(names) == 1:
        return (Entry(f"Unload {names[0]}", Action("unload", names[0])),)
    each = tuple(Entry(name, Action("unload", name)) for name in names)
    return (Entry("Unload", children=(*each, SEPARATOR, Entry("All", Action("unload")))),)


def _pause(paused_until: float | None) -> Entry:
    if paused_until is None:
        choices = tuple(Entry(label, Action("pause", str(seconds))) for label, seconds in PAUSES)
        return Entry("Pause offloading", children=choices)
    until = f" (paused until {words.clock(paused_until)})" if paused_until else ""
    return Entry(f"Resume offloading{until}", Action("resume"))


def _approval(request: ApprovalRequested) -> Entry:
    more = request.files - min(len(request.paths), SHOWN_PATHS)
    return Entry(
        f"Approve {request.tool} of {request.client or 'a client'} ({words.count(request.files, 'file')})…",
        children=(
            Entry(words.shorten(request.reason, 80)),
            *(Entry(words.shorten(path, 80)) for path in request.paths[:SHOWN_PATHS]),
            *((Entry(f"and {more} more"),) if more > 0 else ()),
            SEPARATOR,
            *(Entry(label, Action("approve", request.approval_id, extent)) for label, extent in APPROVALS),
            Entry("Deny", Action("deny", request.approval_id)),
        ),
    )


def _batch(batch: Batch) -> Entry:
    task = words.shorten(batch.task, 32)
    wrong = f", {batch.wrong} went wrong" if batch.wrong else ""
    paused = " (paused)" if batch.state == "paused" else ""
    switch = (
        Entry("Resume", Action("resume-batch", batch.id))
        if batch.state == "paused"
        else Entry("Pause", Action("pause-batch", batch.id))
    )
    return Entry(
        f"Batch “{task}”: {batch.ended} of {batch.total} done{wrong}{paused}",
        children=(switch, Entry("Cancel", Action("cancel-batch", batch.id))),
    )


def _running(running: tuple[RunningOffload, ...]) -> Menu:
    if not running:
        return ()
    entries = tuple(
        Entry(f"Cancel “{words.shorten(each.task)}”{_state(each)}", Action("cancel", each.id))
        for each in running
    )
    return (Entry(f"At work: {words.count(len(running), 'task')}", children=entries),)


def _state(offload: RunningOffload) -> str:
    return " (waiting)" if offload.stage == "queue" else ""


def _connect(clients: tuple[tuple[str, bool], ...]) -> Menu:
    children = tuple(Entry(name, Action("connect", name), checked=connected) for name, connected in clients)
    return (Entry("Connect", children=children),) if children else ()


def _autostart(enabled: bool | None) -> Menu:
    return (Entry("Start at login", Action("autostart"), checked=enabled),) if enabled is not None else ()


def _progress(activities: tuple[ModelActivity, ...]) -> float | None:
    known = [activity for activity in activities if activity.total]
    if not known:
        return None
    return sum(each.completed for each in known) / sum(each.total for each in known)


def _quit_label(snapshot: Snapshot, batches: tuple[Batch, ...]) -> str:
    working = {
        "task": len(snapshot.running),
        "batch": sum(batch.state == "running" for batch in batches),
        "download": sum(activity.phase == "download" for activity in snapshot.activities),
    }
    if not any(working.values()):
        return "Quit"
    what = " and ".join(words.count(number, noun) for noun, number in working.items() if number)
    return f"Quit ({what} still {'runs' if sum(working.values()) == 1 else 'run'})"
