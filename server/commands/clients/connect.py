"""Commands ``connect`` and ``disconnect``: add the app to an MCP client's server list, or remove it."""

import dataclasses
from pathlib import Path
from typing import get_args

from server.clients import advice, claude_code, config_change, connect
from server.clients.advice import KINDS, Kind
from server.clients.config_change import ConfigChange
from server.clients.config_files import (
    CLIENTS,
    SERVER_NAME,
    ClientName,
    Place,
    Scope,
    command_of,
    find_place,
    variables_of,
)
from server.clients.former_name import in_former_environment
from server.clients.smoke_test import Proof, prove
from server.commands.hub_client import hub_for_call
from server.commands.terminal.output import echo, print_json
from server.common.errors import BadArguments, ClientFailed
from server.config.folders import Folders
from server.config.settings import load_settings


@dataclasses.dataclass(frozen=True)
class Wish:
    """The user's options. ``advice`` holds the requested Claude Code extras."""

    client: str
    scope: str
    advice: tuple[Kind, ...] = ()
    dry_run: bool = False
    as_json: bool = False


def connect_client(wish: Wish, folders: Folders, command: list[str]) -> None:
    """Show the changes, make them, and test ``command``, which the client will start.

    Raises:
        BadArguments: the client or scope is unknown, or one of the client's files is broken.
        NotFound: the client is not installed.
        ClientFailed: the client's own command failed, or the configured command does not answer.
    """
    place = _place(wish, command)
    change = config_change.plan_connect(place)
    kinds = (*wish.advice, *_outdated_advice(wish, place))
    claude_code.require_version(kinds)
    extras = advice.plan_on(kinds, place.scope)
    backup = None
    if not wish.dry_run:
        backup = connect.turn_on(change, folders) if change.needed else None
        for extra in extras:
            config_change.connect(extra, folders)
    proof = None if wish.dry_run else _prove(change.place, folders)
    if wish.as_json:
        facts = _facts(change, extras, dry_run=wish.dry_run)
        print_json(
            {
                **facts,
                "backup": str(backup) if backup and change.before is not None else None,
                "proof": proof and vars(proof),
            }
        )
    else:
        _say([change, *extras], dry_run=wish.dry_run, verb="connected")
        if backup is not None and change.before is not None:
            echo(f"`token-saver disconnect {wish.client}` restores the previous file.")
        if proof is not None and proof.works:
            echo(f"It works: {proof.text} answers. Restart {wish.client} to use it.")
    if proof is not None and not proof.works:
        raise ClientFailed(proof.text, "Run `token-saver doctor` to find the problem.")


def _outdated_advice(wish: Wish, place: Place) -> tuple[Kind, ...]:
    """Return the hook if it starts an installation under the app's former name and was not requested."""
    if place.client != "claude-code" or "hook" in wish.advice:
        return ()
    program = advice.hook_command("hook", place.scope)
    return ("hook",) if program is not None and in_former_environment(Path(program)) else ()


def disconnect_client(wish: Wish, folders: Folders, command: list[str]) -> None:
    """Show the changes that remove the app, and make them. With ``advice``, remove only those extras.

    Raises:
        BadArguments: the client or scope is unknown, or one of the client's files is broken.
        ClientFailed: the client's own command failed.
    """
    place = _place(wish, command)
    kinds = wish.advice or (KINDS if place.client == "claude-code" else ())
    extras = advice.plan_off(kinds, place.scope, folders)
    if wish.advice:
        change, *rest = extras
    else:
        change, rest = config_change.plan_disconnect(place, folders), [each for each in extras if each.needed]
    if not wish.dry_run:
        if not wish.advice:
            connect.turn_off(change, folders)
        for extra in extras if wish.advice else rest:
            config_change.disconnect(extra, folders)
    if wish.as_json:
        print_json(_facts(change, rest, dry_run=wish.dry_run))
    else:
        _say([change, *rest], dry_run=wish.dry_run, verb="disconnected")


def _prove(place: Place, folders: Folders) -> Proof:
    # Without a running hub the bridge would start a hub that keeps running. A test must not do that.
    with hub_for_call(load_settings(folders), folders):
        return prove(command_of(place.entry), variables_of(place.entry))


def _place(wish: Wish, command: list[str]) -> Place:
    names: dict[str, ClientName] = {name: name for name in CLIENTS}
    scopes: dict[str, Scope] = {name: name for name in get_args(Scope)}
    if wish.client not in names:
        raise BadArguments(f"Unknown client: {wish.client!r}.", f"Use one of {', '.join(CLIENTS)}.")
    if wish.scope not in scopes:
        raise BadArguments(f"Unknown scope: {wish.scope!r}.", "Use user or project.")
    if wish.advice and wish.client != "claude-code":
        raise BadArguments(
            f"{wish.client} has neither CLAUDE.md nor hooks.",
            "Use --claude-md, --hook, --digest and --statusline only with claude-code.",
        )
    return find_place(names[wish.client], scopes[wish.scope], command)


def _facts(change: ConfigChange, extras: list[ConfigChange], *, dry_run: bool) -> dict[str, object]:
    place = change.place
    return {
        "client": place.client,
        "scope": place.scope,
        "entry": {SERVER_NAME: place.entry},
        **_file(change, dry_run=dry_run),
        "advice": [_file(extra, dry_run=dry_run) for extra in extras],
    }


def _file(change: ConfigChange, *, dry_run: bool) -> dict[str, object]:
    path = str(change.place.path)
    return {"path": path, "changed": change.needed and not dry_run, "diff": change.diff()}


def _say(changes: list[ConfigChange], *, dry_run: bool, verb: str) -> None:
    client = changes[0].place.client
    for change in changes:
        echo(
            change.diff()
            if change.needed
            else f"{client} is already {verb}: nothing to change in {change.place.path}.\n",
            nl=False,
        )
    if any(change.needed for change in changes):
        echo("Nothing was changed (--dry-run)." if dry_run else f"{client} is {verb}.")
