"""The menu and the tooltip as pure functions of a snapshot. ``icon_state`` decides what the icon shows.

The tray rebuilds the menu whenever it differs from the previous one, so labels change at most once a minute
or with each task.
"""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from server.backends.base import InstalledModel, LoadedModel
from server.common.events import ApprovalRequested
from server.common.outcome_words import outcome_word
from server.engine.view import EngineView
from server.models.catalogue import CatalogueModel
from server.models.recommend import memory_needed
from server.state.snapshot import EndedOffload, ModelActivity, RunningOffload, Snapshot
from tray import formats
from tray.batches import Batch

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
    "undo",
    "connect",
    "autostart",
    "about",
    "quit",
]
APPROVALS = (("Approve once", "once"), ("For this session", "session"), ("Always in this project", "project"))
"""Labels and extents of an approval."""
SHOWN_PATHS = 5
PAUSES: tuple[tuple[str, float], ...] = (("15 minutes", 900), ("1 hour", 3600), ("Until I resume", 0))
"""Labels and durations in seconds (0: until resumed)."""


@dataclass(frozen=True)
class Action:
    """What a click does.

    ``target`` is a model, a client, a pause in seconds, a page of the dashboard, or the id of an offload,
    batch or approval. ``extent`` applies to approvals.
    """

    name: ActionName
    target: str = ""
    extent: str = ""


@dataclass(frozen=True)
class MenuEntry:
    """A line in the menu. ``children`` form a submenu. A line with neither action nor children is purely
    informative.
    """

    label: str
    action: Action | None = None
    children: tuple["MenuEntry", ...] = ()
    checked: bool | None = None
    default: bool = False

    @property
    def enabled(self) -> bool:
        """Return whether the line is clickable."""
        return self.action is not None or bool(self.children)


@dataclass(frozen=True)
class SystemState:
    """The system state. ``autostart`` is None if the system does not support start at login. ``clients`` are
    the installed MCP clients and whether they are connected. ``room`` is the memory available to a model in
    bytes once the loaded models are unloaded; None if unknown. ``share`` is today's savings as a share of the
    bill; empty if unknown. ``to_review`` is the number of results that wait for the user's review."""

    autostart: bool | None = None
    clients: tuple[tuple[str, bool], ...] = ()
    room: int | None = None
    share: str = ""
    to_review: int = 0


@dataclass(frozen=True)
class Pending:
    """Open batches and pending approvals, which are not part of the snapshot."""

    batches: tuple[Batch, ...] = ()
    approvals: tuple[ApprovalRequested, ...] = ()


NOTHING = Pending()
SEPARATOR = MenuEntry("-")

Menu = tuple[MenuEntry, ...]


def build_menu(snapshot: Snapshot, system: SystemState, pending: Pending = NOTHING) -> Menu:
    """Return the menu."""
    engine = snapshot.engine
    return (
        *(_approval(request) for request in pending.approvals),
        *((SEPARATOR,) if pending.approvals else ()),
        *_status(snapshot),
        SEPARATOR,
        MenuEntry("Open dashboard", Action("open"), default=True),
        SEPARATOR,
        *_load(engine, system.room),
        *_unload(engine),
        _pause(snapshot.paused_until),
        *(_batch(batch) for batch in pending.batches),
        *_running(snapshot),
        SEPARATOR,
        *_last(snapshot.last),
        *_review(system.to_review),
        MenuEntry(formats.saved(snapshot.saved_today.net_tokens, system.share)),
        SEPARATOR,
        *_connect(system.clients),
        *_autostart(system.autostart),
        MenuEntry(f"About Claude Token Saver {snapshot.version}", Action("about")),
        MenuEntry(_quit_label(snapshot, pending.batches), Action("quit")),
    )


def tooltip(snapshot: Snapshot, pending: Pending = NOTHING) -> str:
    """Return the tooltip as a single line."""
    saved = formats.saved(snapshot.saved_today.net_tokens)
    waits = len(pending.approvals)
    headline = f"{formats.count(waits, 'call')} waiting for approval" if waits else _headline(snapshot)
    return f"Claude Token Saver: {headline}; {saved}"


def _headline(snapshot: Snapshot) -> str:
    engine = snapshot.engine
    if snapshot.paused_until is not None:
        return "paused"
    if any(snapshot.counts):
        return _counts(snapshot)
    if snapshot.activities:
        return _activity(snapshot.activities[0])
    if engine.error:
        return formats.shorten(engine.error, 80)
    if engine.loaded:
        return f"{', '.join(model.name for model in engine.loaded)} loaded"
    return "no model loaded"


def _status(snapshot: Snapshot) -> Menu:
    engine = snapshot.engine
    lines = [MenuEntry(_loaded(model, snapshot.taken_at)) for model in engine.loaded]
    if engine.error:
        lines = [MenuEntry(formats.shorten(engine.error, 80))]
    elif not lines:
        lines = [MenuEntry("No model loaded")]
    if snapshot.giving_way:
        lines.append(MenuEntry(formats.shorten(f"Paused: {snapshot.giving_way}", 80)))
    return (*lines, *(MenuEntry(_activity(activity)) for activity in snapshot.activities))


def _loaded(model: LoadedModel, now: float) -> str:
    parts = [model.name]
    if model.size:
        parts.append(formats.size(model.size))
        if 0 < model.size_vram < model.size:
            parts.append(f"{round(100 * model.size_vram / model.size)} % on the GPU")
    if model.expires_at is not None:
        parts.append(f"{formats.time_left(model.expires_at - now)} left")
    return " · ".join(parts)


def _activity(activity: ModelActivity) -> str:
    verb = {"download": "Downloading", "measure": "Measuring"}.get(activity.phase, "Loading")
    if not activity.total:
        return f"{verb} {activity.model}"
    # Steps of 5 %, because every change of a label rebuilds the menu.
    return f"{verb} {activity.model}: {100 * activity.completed // activity.total // 5 * 5} %"


def _load(engine: EngineView, room: int | None) -> Menu:
    if not engine.capabilities.load:
        return (
            (MenuEntry(f"{engine.label} loads models on demand"),)
            if engine.label and not engine.error
            else ()
        )
    loaded = {model.name for model in engine.loaded}
    models = [model for model in engine.installed if model.generates]
    return (MenuEntry("Load", children=tuple(_loadable(model, loaded, room) for model in models)),)


def _loadable(model: InstalledModel, loaded: set[str], room: int | None) -> MenuEntry:
    label = f"{model.name} ({formats.size(model.size)})" if model.size else model.name
    if room is not None and model.size and model.name not in loaded:
        needed = memory_needed(CatalogueModel(name=model.name, size=model.size))
        label += " · fits" if needed <= room else " · too large now"
    return MenuEntry(label, Action("load", model.name), checked=model.name in loaded)


def _unload(engine: EngineView) -> Menu:
    if not engine.capabilities.unload or not engine.loaded:
        return ()
    names = [model.name for model in engine.loaded]
    if len(names) == 1:
        return (MenuEntry(f"Unload {names[0]}", Action("unload", names[0])),)
    each = tuple(MenuEntry(name, Action("unload", name)) for name in names)
    return (MenuEntry("Unload", children=(*each, SEPARATOR, MenuEntry("All", Action("unload")))),)


def _pause(paused_until: float | None) -> MenuEntry:
    if paused_until is None:
        choices = tuple(MenuEntry(label, Action("pause", str(seconds))) for label, seconds in PAUSES)
        return MenuEntry("Pause offloading", children=choices)
    until = f" (paused until {formats.clock(paused_until)})" if paused_until else ""
    return MenuEntry(f"Resume offloading{until}", Action("resume"))


def _approval(request: ApprovalRequested) -> MenuEntry:
    more = request.files - min(len(request.paths), SHOWN_PATHS)
    client, files = formats.shorten(request.client) or "a client", formats.count(request.files, "file")
    return MenuEntry(
        f"Approve {formats.request(request.task, request.output, request.tool)}…",
        children=(
            MenuEntry(f"From {client}, {files}"),
            MenuEntry(formats.shorten(request.reason, 80)),
            *(MenuEntry(formats.shorten(path, 80)) for path in request.paths[:SHOWN_PATHS]),
            *((MenuEntry(f"and {more} more"),) if more > 0 else ()),
            SEPARATOR,
            *(
                MenuEntry(label, Action("approve", request.approval_id, extent))
                for label, extent in APPROVALS
            ),
            MenuEntry("Deny", Action("deny", request.approval_id)),
        ),
    )


def _batch(batch: Batch) -> MenuEntry:
    task = formats.shorten(batch.task, 32)
    wrong = f", {batch.wrong} failed" if batch.wrong else ""
    paused = " (paused)" if batch.state == "paused" else ""
    switch = (
        MenuEntry("Resume", Action("resume-batch", batch.id))
        if batch.state == "paused"
        else MenuEntry("Pause", Action("pause-batch", batch.id))
    )
    return MenuEntry(
        f"Batch “{task}”: {batch.ended} of {batch.total} done{wrong}{paused}",
        children=(switch, MenuEntry("Cancel", Action("cancel-batch", batch.id))),
    )


def _running(snapshot: Snapshot) -> Menu:
    if not snapshot.running:
        return ()
    entries = tuple(
        MenuEntry(f"Cancel “{formats.shorten(each.task)}”{_state(each)}", Action("cancel", each.id))
        for each in snapshot.running
    )
    return (MenuEntry(_counts(snapshot).capitalize(), children=entries),)


def _last(last: EndedOffload | None) -> Menu:
    if last is None:
        return ()
    what = formats.shorten(PurePath(last.output).name if last.output else last.task, 40)
    label = f"Last result: {what} ({outcome_word(last.outcome)})"
    show = MenuEntry("Show details", Action("open", f"offload/{last.id}"))
    undo = (
        (MenuEntry("Undo", Action("undo", last.id)),) if last.outcome == "delivered" and last.output else ()
    )
    return (MenuEntry(label, children=(*undo, show)),)


def _review(results: int) -> Menu:
    return (
        (MenuEntry(f"Review {formats.count(results, 'result')}", Action("open", "review")),)
        if results
        else ()
    )


def _counts(snapshot: Snapshot) -> str:
    """Return ``1 task running, 2 waiting``, using the same counts as the dashboard."""
    running, waiting = snapshot.counts
    if not running:
        return f"{formats.count(waiting, 'task')} waiting"
    return f"{formats.count(running, 'task')} running" + (f", {waiting} waiting" if waiting else "")


def _state(offload: RunningOffload) -> str:
    return " (waiting)" if offload.stage == "queue" else ""


def _connect(clients: tuple[tuple[str, bool], ...]) -> Menu:
    children = tuple(
        MenuEntry(name, Action("connect", name), checked=connected) for name, connected in clients
    )
    return (MenuEntry("Connect", children=children),) if children else ()


def _autostart(enabled: bool | None) -> Menu:
    return (MenuEntry("Start at login", Action("autostart"), checked=enabled),) if enabled is not None else ()


def _quit_label(snapshot: Snapshot, batches: tuple[Batch, ...]) -> str:
    working = {
        "task": len(snapshot.running),
        "batch": sum(batch.state == "running" for batch in batches),
        "download": sum(activity.phase == "download" for activity in snapshot.activities),
    }
    if not any(working.values()):
        return "Quit"
    *first, last = [formats.count(number, noun) for noun, number in working.items() if number]
    what = f"{', '.join(first)} and {last}" if first else last
    return f"Quit ({what} still running)"
