"""Command ``uninstall``: removes the app's files and entries from this machine, then lists what is left."""

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

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
    *("hub.json", "hub.lock", "token", "start.log", "token-saver.log*", "embedded.log", "pause.json"),
    *("model-memory.json", "policy.last-good", BACKUPS, "dashboard"),
)
"""Glob patterns for files and folders in the state folder."""
HISTORY = ("history.db*", "kept")
"""Files in the data folder that ``--history`` removes, together with ``trail.head`` in the state folder."""
SETTINGS = (
    *("config.toml", "policy.yaml", "prices.toml", "models.json", "models.toml"),
    *("accepted-checks.json", "check-places.json"),
)
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
    if as_json:
        facts = [dataclasses.asdict(each) for each in removals]
        print_json({"removed": facts, "left": left, "dry_run": extent.dry_run})
    else:
        _say(removals, left, extent)
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
        for folder in dict.fromkeys((folders.cache, folders.state, folders.data, folders.config)):
            if folder.is_dir() and next(folder.iterdir(), None) is None:
                folder.rmdir()


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
        groups += [(folders.data, HISTORY), (folders.state, ("trail.head",))]
    if extent.weights:
        groups.append((folders.models.parent, (folders.models.name,)))
    if extent.settings:
        groups.append((folders.config, SETTINGS))
    for folder, patterns in groups:
        for pattern in patterns:
            yield from sorted(folder.glob(pattern))


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
    every = (folders.data, folders.config, folders.state, folders.cache)
    return sorted({str(path) for folder in every if folder.is_dir() for path in folder.iterdir()})


def _say(removals: list[Removal], left: list[str], extent: Extent) -> None:
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
        echo(f"left: {path}")
    if left:
        echo("To remove these too, add --history, --weights and --settings.")
    echo(f"To remove the program itself, use the tool that installed it, for example: {PROGRAM}")
    echo("Restart Claude Code and other clients: open sessions can start the app again.")
