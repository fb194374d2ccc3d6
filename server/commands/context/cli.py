"""Command line of ``token-saver context``."""

from typing import Annotated, Literal

import typer

from server.commands.terminal.output import Json
from server.config.folders import find_folders


def context(
    *,
    off: Annotated[str, typer.Option(metavar="PART", help="Switch a part off, for example skill:NAME.")] = "",
    on: Annotated[str, typer.Option(metavar="PART", help="Switch a part on again.")] = "",
    apply: Annotated[
        str, typer.Option(metavar="HABIT", help="Apply the remedy of a habit, for example habit:git.")
    ] = "",
    undo: Annotated[str, typer.Option(metavar="HABIT", help="Undo the remedy of a habit.")] = "",
    scope: Annotated[
        Literal["project", "user"], typer.Option(help="Change this project only, or everywhere.")
    ] = "project",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change without making it.")] = False,
    as_json: Json = False,
) -> None:
    """Show what Claude's context costs, and switch parts off.

    It also shows habits that cost tokens, with a remedy for each.
    """
    from server.commands.context.actions import show_context, switch_off, switch_on  # noqa: PLC0415
    from server.config.settings import load_settings  # noqa: PLC0415 - other commands must not wait for it

    folders = find_folders()
    settings = load_settings(folders)
    if off or apply:
        switch_off(settings, folders, off or f"habit:{apply.removeprefix('habit:')}", scope, dry_run=dry_run)
    elif on or undo:
        switch_on(settings, folders, on or f"habit:{undo.removeprefix('habit:')}", scope)
    else:
        show_context(settings, folders, scope, as_json=as_json)
