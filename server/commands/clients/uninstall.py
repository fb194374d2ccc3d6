"""Command ``uninstall``: removes the app's files and entries from this machine, then lists what is left.

In a folder that the user chose as ``TOKEN_SAVER_HOME`` it removes only what the app made, because the folder
can hold other things. It follows and removes no symbolic links, because the app makes none.
"""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from server.bridge.own_folders import RECORD, MadeFolders
from server.clients.removal import Removal, remove_from_clients
from server.commands.hub_client import connect
from server.commands.status import quit_hub
from server.commands.terminal.output import echo, print_json
from server.common.errors import HubUnreachable
from server.config.autostart import find_autostart
from server.config.folders import Folders

BACKUPS = "clients"
"""Backups of client files. They are kept as long as a client cannot be disconnected."""
STATE = (
    *(
        "hub.json",
        "hub.lock",
        "update.lock",
        "token",
        "start.log",
        "token-saver.log",
        "token-saver.log.[0-9]",
    ),
    *("embedded.log", "embedded.log.1", "pause.json", "model-memory.json", "policy.last-good"),
    *("quota.json", "held-out.txt", "welcome-done", BACKUPS, "dashboard"),
)
"""Glob patterns for files and folders in the state folder."""
CACHE = ("texts", "digests", "checks", "dashboard")
"""Folders in the cache folder."""
HISTORY = (
    "history.db",
    "history.db-wal",
    "history.db-shm",
    "history.db.damaged*",
    "history.db.before-update",
    "kept",
    "update-*",
)
"""Files in the data folder that ``--history`` removes, together with ``trail.head`` in the state folder."""
SETTINGS = (
    *("config.toml", "policy.yaml", "policy.json", "prices.toml", "models.json", "models.toml"),
    *("accepted-checks.json", "check-places.json"),
)
TRAIL = ("trail.head",)
PROGRAM = "uv tool uninstall claude-token-saver-app"


@dataclasses.dataclass(frozen=True)
class Extent:
    """What to remove besides the entries that clients and the system start."""

    history: bool = False
    weights: bool = False
    settings: bool = False
    dry_run: bool = False


def uninstall(folders: Folders, extent: Extent, *, as_json: bool) -> int:
    """Remove all parts of the app, print what was removed and what is left, and return the exit status."""
    removals = list(_removals(folders, extent))
    left = _left(folders)
    foreign = _unrecorded(folders)
    if as_json:
        facts = [dataclasses.asdict(each) for each in removals]
        print_json({"removed": facts, "left": left, "dry_run": extent.dry_run})
    else:
        _say(removals, left, foreign, extent)
    return 1 if any(each.problem for each in removals) else 0


def _removals(folders: Folders, extent: Extent) -> Iterator[Removal]:
    yield from _hub(folders, dry_run=extent.dry_run)
    kept_backups = False
    for removal in remove_from_clients(folders, dry_run=extent.dry_run):
        kept_backups = kept_backups or bool(removal.problem)
        yield removal
    autostart = find_autostart()
    # A desktop switches the entry off by a mark in the entry's file.
    if autostart.enabled() or Path(autostart.where).is_file():
        yield _attempt(f"start at login: {autostart.where}", autostart.disable, dry_run=extent.dry_run)
    for path in _files(folders, extent):
        if kept_backups and path.name == BACKUPS:
            continue
        yield _attempt(str(path), partial(_delete, path), dry_run=extent.dry_run)
    if not extent.dry_run:
        _remove_empty(folders)


def _hub(folders: Folders, *, dry_run: bool) -> Iterator[Removal]:
    try:
        hub = connect(folders)
    except HubUnreachable:
        return
    if not dry_run:
        try:
            quit_hub(folders, hub)
        except HubUnreachable as error:
            yield Removal("the running app", str(error))
            return
    yield Removal("the running app")


def _files(folders: Folders, extent: Extent) -> Iterator[Path]:
    groups = [(folders.state, STATE), (folders.cache.parent, (folders.cache.name,))]
    if extent.history:
        groups += [(folders.data, HISTORY), (folders.state, TRAIL)]
    if extent.weights:
        groups.append((folders.models.parent, (folders.models.name,)))
    if extent.settings:
        groups.append((folders.config, SETTINGS))
    made = None if folders.chosen is None else MadeFolders(folders.chosen)
    for folder, patterns in groups:
        for path in _matching(folder, patterns):
            yield from _own(path, made)


def _own(path: Path, made: MadeFolders | None) -> Iterator[Path]:
    """Yield the path if the app made it, or the folders in it that the app made. ``made`` is None for the
    default folders, which belong to the app.
    """
    if path.is_symlink():
        # A link to a folder is the user's, but the app's own folders can be behind it.
        if made is None and path.is_dir():
            yield from (each for each in _matching(path, CACHE) if each.is_dir() and not each.is_symlink())
    elif not path.is_dir():
        if made is None or (made.was_used and path.name not in made.found):
            yield path
    elif made is None or made.contains(path):
        yield path
    else:
        yield from (each for each in sorted(path.iterdir()) if made.contains(each))


def _matching(folder: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(folder.glob(pattern))


def _remove_empty(folders: Folders) -> None:
    """Remove the folders that are now empty, except for links and for a chosen folder that the app did not
    make.
    """
    made = None if folders.chosen is None else MadeFolders(folders.chosen)
    made_home = made is None or made.contains(folders.state)
    if folders.chosen is not None and not any(each for path in _known(folders) for each in _own(path, made)):
        (folders.chosen / RECORD).unlink(missing_ok=True)
    for folder in dict.fromkeys((folders.cache, folders.state, folders.data, folders.config)):
        if made_home and folder.is_dir() and not folder.is_symlink() and next(folder.iterdir(), None) is None:
            folder.rmdir()


def _attempt(what: str, act: Callable[[], object], *, dry_run: bool) -> Removal:
    try:
        if not dry_run:
            act()
    except OSError as error:
        return Removal(what, f"{error.strerror or error}")
    return Removal(what)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _left(folders: Folders) -> list[str]:
    """Return what is left in the app's folders. In a chosen folder, other names are not the app's."""
    if folders.chosen is not None:
        return sorted({str(path) for path in _known(folders)})
    every = (folders.data, folders.config, folders.state, folders.cache)
    return sorted({str(path) for folder in every if folder.is_dir() for path in folder.iterdir()})


def _unrecorded(folders: Folders) -> list[str]:
    """Return the folders in a chosen folder that have names of the app, but are not in its record."""
    if folders.chosen is None:
        return []
    made = MadeFolders(folders.chosen)
    return [str(path) for path in _known(folders) if path.is_dir() and not made.contains(path)]


def _known(folders: Folders) -> list[Path]:
    """Return the files and folders in a chosen folder with names that the app uses."""
    names = (*STATE, *HISTORY, *SETTINGS, *TRAIL, folders.cache.name, folders.models.name)
    return [path for path in _matching(folders.state, names) if os.path.lexists(path)]


def _say(removals: list[Removal], left: list[str], foreign: list[str], extent: Extent) -> None:
    for each in removals:
        failed = f"{each.what} could not be removed: {each.problem}"
        verb = "would remove" if extent.dry_run else "removed"
        echo(failed if each.problem else f"{verb} {each.what}", err=bool(each.problem))
    if not removals:
        echo("There is nothing to remove.")
    if extent.dry_run:
        echo("Nothing was changed (--dry-run).")
        return
    for path in left:
        echo(f"left: {path}{' (not made by this app, as far as it has recorded)' if path in foreign else ''}")
    if set(left) - set(foreign):
        echo("To remove these too, add --history, --weights and --settings.")
    echo(f"To remove the program itself, use the tool that installed it, for example: {PROGRAM}")
    echo("Restart Claude Code and other clients: open sessions can start the app again.")
