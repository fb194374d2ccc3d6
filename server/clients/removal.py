"""Removes every change the app has ever made to clients: entries, hooks, blocks, plugins.

The ``config_change`` backups identify the changed files, including those in individual projects.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from server.clients import advice, claude_code, config_change, connect, plugins
from server.clients.bridge_command import bridge_command
from server.clients.config_change import ConfigChange
from server.clients.config_files import CLIENTS, ClientName, Place, Scope, Surroundings, find_place
from server.common.errors import BadArguments, ClientFailed, NotFound, TokenSaverError
from server.config.folders import Folders


@dataclass(frozen=True)
class Removal:
    """The outcome of removing one item: its description and, if removal failed, the reason. The reason is
    empty on success and in dry runs.
    """

    what: str
    problem: str = ""


def remove_from_clients(folders: Folders, *, dry_run: bool) -> Iterator[Removal]:
    """Remove the app from every client, for the user and for every project. Yield each removed item.

    A file that cannot be changed is yielded with its problem, and the remaining files are still processed.
    """
    here = Surroundings()
    # First, because this makes Claude Code rewrite its settings. Then the app's own edits in them are undone.
    yield from _plugins(here, dry_run=dry_run)
    for client in CLIENTS:
        yield from _from_client(client, "user", here, folders, dry_run=dry_run)
    for client, project in sorted(_projects(folders)):
        around = Surroundings(project=project)
        yield from _from_client(client, "project", around, folders, dry_run=dry_run)


def _from_client(
    client: ClientName, scope: Scope, around: Surroundings, folders: Folders, *, dry_run: bool
) -> Iterator[Removal]:
    try:
        place = find_place(client, scope, bridge_command(), around)
        change = config_change.plan_disconnect(place, folders)
    except NotFound:
        change = None
    except TokenSaverError as error:
        yield Removal(f"{client}: list of servers", str(error))
        change = None
    if change is not None and change.needed:
        yield _applied(
            f"{client}: server in {change.place.path}", change, folders, dry_run=dry_run, server=True
        )
    if client != "claude-code":
        return
    for file, kinds in advice.by_file(advice.KINDS, scope, around):
        what = f"{client}: {', '.join(kind for kind in kinds if advice.is_on(kind, scope, around))}"
        try:
            [extra] = advice.plan_off(kinds, scope, folders, around)
        except BadArguments as error:
            yield Removal(f"{client}: {', '.join(kinds)}", str(error))
            continue
        if extra.needed:
            yield _applied(f"{what} in {file.path}", extra, folders, dry_run=dry_run)


def _applied(
    what: str, change: ConfigChange, folders: Folders, *, dry_run: bool, server: bool = False
) -> Removal:
    if dry_run:
        return Removal(what)
    try:
        (connect.turn_off if server else config_change.disconnect)(change, folders)
    except (TokenSaverError, OSError) as error:
        return Removal(what, str(error))
    return Removal(what)


def _projects(folders: Folders) -> set[tuple[ClientName, Path]]:
    """Return the clients and projects whose files were changed."""
    found: set[tuple[ClientName, Path]] = set()
    home = Surroundings().home
    for record in (folders.state / "clients").glob("*.json"):
        try:
            path = Path(json.loads(record.read_bytes())["path"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # without its path, a backup names nothing to remove
        client = next((each for each in CLIENTS if record.stem.rpartition("-")[0] == each), None)
        for project in (path.parent, path.parent.parent) if client is not None else ():
            # In the user's home, a client's own file looks like a project's file.
            if client is not None and project != home and path in _project_files(client, project):
                found.add((client, project))
    return found


def _project_files(client: ClientName, project: Path) -> list[Path]:
    around = Surroundings(project=project)
    files = []
    try:
        files.append(find_place(client, "project", [""], around).path)
    except BadArguments:
        files.clear()  # the client does not support servers for single projects
    if client == "claude-code":
        files += [advice.place_of(kind, "project", around).path for kind in advice.KINDS]
    return files


def _plugins(around: Surroundings, *, dry_run: bool) -> Iterator[Removal]:
    """Remove the app's plugins and their marketplace with Claude Code's own command."""
    folder = advice.user_folder(around)
    found = plugins.installed(folder)
    removed = []
    for plugin in found:
        where = "" if plugin.project is None else f" in {plugin.project}"
        removed.append(
            _by_claude(partial(plugins.remove, plugin=plugin), f"plugin {plugin.name}{where}", dry_run)
        )
    if plugins.has_marketplace(folder) and not any(each.problem for each in removed):
        what = f"marketplace {plugins.MARKETPLACE}"
        removed.append(_by_claude(plugins.remove_marketplace, what, dry_run))
    yield from removed
    if removed and not dry_run:
        homes = {(folder, "settings.json")}
        homes |= {(each.project / ".claude", each.settings) for each in found if each.project is not None}
        for home, name in homes:
            _tidy(home / name)


def _by_claude(act: Callable[[str], None], what: str, dry_run: bool) -> Removal:
    """Remove something with Claude Code's own command."""
    claude = claude_code.find_command()
    problem = ""
    try:
        if claude is None:
            problem = "`claude` was not found; install Claude Code and run `token-saver uninstall` again"
        elif not dry_run:
            act(claude)
    except ClientFailed as error:
        problem = str(error)
    return Removal(f"claude-code: {what}", problem)


def _tidy(settings: Path) -> None:
    """Remove the empty plugin lists that Claude Code's commands left behind."""
    place = Place("claude-code", "user", settings, "json", (), {})
    # Empty lists are harmless; broken settings are reported with their hooks.
    with contextlib.suppress(BadArguments, OSError):
        change = config_change.plan_edit(place, plugins.without_empty_lists)
        if change.needed and change.after is not None:
            config_change.write(settings, change.after)
