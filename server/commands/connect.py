"""``token-saver connect`` and ``disconnect``: into an MCP client's list of servers, and out of it."""

import dataclasses
from typing import get_args

import typer

from server.clients import connection, switch
from server.clients.places import CLIENTS, SERVER_NAME, ClientName, Place, Scope, find_place
from server.clients.proof import Proof, prove
from server.commands.client import hub_for_call
from server.commands.output import print_json
from server.errors import BadArguments, ClientFailed
from server.folders import Folders
from server.settings import load_settings


def connect_client(
    client: str, scope: str, folders: Folders, command: list[str], *, dry_run: bool, as_json: bool
) -> None:
    """Show the change, make it, and prove that ``command``, which the client will start, works.

    Raises:
        BadArguments: the client or scope is unknown, or its file is broken.
        NotFound: the client is not installed.
        ClientFailed: its own command failed, or what was configured does not answer.
    """
    place = _place(client, scope, command)
    change = connection.plan_connect(place)
    backup = None
    if change.needed and not dry_run:
        backup = switch.turn_on(change, folders)
    proof = None if dry_run else _prove(command, folders)
    if as_json:
        facts = _facts(change, dry_run=dry_run)
        print_json({**facts, "backup": str(backup) if backup else None, "proof": proof and vars(proof)})
    else:
        _say(change, dry_run=dry_run, verb="connected")
        if backup is not None:
            typer.echo(f"What the file was before is kept in {backup}.")
        if proof is not None and proof.works:
            typer.echo(f"It works: {proof.text} answers. Start {client} again to see it.")
    if proof is not None and not proof.works:
        raise ClientFailed(proof.text, "Run `token-saver doctor` to see what is wrong.")


def disconnect_client(
    client: str, scope: str, folders: Folders, command: list[str], *, dry_run: bool, as_json: bool
) -> None:
    """Show the change that takes the app out again, and make it.

    Raises:
        BadArguments: the client or scope is unknown, or its file is broken.
    """
    place = _place(client, scope, command)
    change = connection.plan_disconnect(place, folders)
    if not dry_run:
        switch.turn_off(change, folders)
    if as_json:
        print_json(_facts(change, dry_run=dry_run))
    else:
        _say(change, dry_run=dry_run, verb="disconnected")


def _prove(command: list[str], folders: Folders) -> Proof:
    # Where no hub runs the bridge would start one that stays; a look shall leave nothing behind.
    with hub_for_call(load_settings(folders), folders):
        return prove(command)


def _place(client: str, scope: str, command: list[str]) -> Place:
    names: dict[str, ClientName] = {name: name for name in CLIENTS}
    scopes: dict[str, Scope] = {name: name for name in get_args(Scope)}
    if client not in names:
        raise BadArguments(f"There is no client {client!r}.", f"Use one of {', '.join(CLIENTS)}.")
    if scope not in scopes:
        raise BadArguments(f"There is no scope {scope!r}.", "Use user or project.")
    return find_place(names[client], scopes[scope], command)


def _facts(change: connection.Change, *, dry_run: bool) -> dict[str, object]:
    place = change.place
    return {
        "client": place.client,
        "scope": place.scope,
        "path": str(place.path),
        "entry": {SERVER_NAME: dataclasses.asdict(place)["entry"]},
        "changed": change.needed and not dry_run,
        "diff": change.diff(),
    }


def _say(change: connection.Change, *, dry_run: bool, verb: str) -> None:
    place = change.place
    if not change.needed:
        typer.echo(f"{place.client} is {verb} already: nothing to change in {place.path}.")
        return
    typer.echo(change.diff(), nl=False)
    typer.echo("Nothing was changed (--dry-run)." if dry_run else f"{place.client} is {verb}.")
