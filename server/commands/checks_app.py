"""Command group ``token-saver checks``: finds and accepts the project's own checks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.commands.terminal.output import Json, echo, print_json
from server.config.folders import find_folders

if TYPE_CHECKING:
    from server.execution.project_checks.accepted import AcceptedChecks, Place
    from server.execution.project_checks.values import ProjectCheck

checks_app = typer.Typer(
    help="The project's own checks: list, accept, withdraw, place.",
    no_args_is_help=False,
)

Project = Annotated[Path, typer.Option("--project", help="The project's folder.")]


@checks_app.callback(invoke_without_command=True)
def checks(context: typer.Context, project: Project = Path(), *, as_json: Json = False) -> None:
    """List the checks found in this project, and show which are accepted."""
    if context.invoked_subcommand is None:
        _list(project, as_json=as_json)


@checks_app.command("list")
def list_checks(project: Project = Path(), *, as_json: Json = False) -> None:
    """List the checks found in this project, and show which are accepted."""
    _list(project, as_json=as_json)


def _list(project: Path, *, as_json: bool) -> None:
    found, unreadable = _found(project)
    places = dict(_accepted().of(project))
    if as_json:
        print_json(
            [
                {
                    "name": check.name,
                    "kind": check.kind,
                    "command": list(check.command),
                    "found_in": check.found_in,
                    "accepted": places.get(check, ""),
                }
                for check in found
            ]
        )
        return
    for check in found:
        state = f"accepted, {places[check]}" if check in places else "not accepted"
        echo(f"{check.name}: {' '.join(check.command)}  ({check.kind}, from {check.found_in}; {state})")
    for each in unreadable:
        echo(f"cannot be read: {each}")
    if not found:
        echo("No checks were found in this project's files.")
    elif len(places) < len(found):
        echo("These checks run the project's code. To check results with them: token-saver checks accept")


@checks_app.command()
def accept(
    names: Annotated[list[str] | None, typer.Argument(help="Names of checks; by default all checks.")] = None,
    project: Project = Path(),
    *,
    outside: Annotated[
        bool, typer.Option("--outside", help="Run the checks outside the sandbox, with your permissions.")
    ] = False,
) -> None:
    """Accept checks of this project. From then on, they check the results that they apply to."""
    found, _ = _found(project)
    accepted = _accepted()
    chosen: list[tuple[ProjectCheck, Place]] = [
        (check, "outside" if outside else "sandbox") for check in found if not names or check.name in names
    ]
    for unknown in sorted(set(names or ()) - {check.name for check in found}):
        echo(f"This project has no check named {unknown!r}.", err=True)
        raise typer.Exit(2)
    kept = [each for each in accepted.of(project) if names and each[0].name not in names]
    accepted.accept(project, [*kept, *chosen])
    for check, place in chosen:
        where = "outside the sandbox" if place == "outside" else "in the sandbox"
        echo(f"accepted: {check.name}, {where}")


@checks_app.command()
def withdraw(project: Project = Path()) -> None:
    """Stop running this project's checks."""
    _accepted().accept(project, [])
    echo("No check of this project has been accepted.")


@checks_app.command()
def place(
    name: Annotated[str, typer.Argument(help="The check's name in config.toml.")],
    where: Annotated[str, typer.Argument(help="sandbox or outside")],
) -> None:
    """Set where one of your checks runs: in the sandbox, or outside with your permissions."""
    from server.config.settings import load_settings  # noqa: PLC0415 - few commands need these
    from server.offload.checks.places import CheckPlaces  # noqa: PLC0415

    folders = find_folders()
    command = load_settings(folders).checks.get(name)
    if command is None or where not in ("sandbox", "outside"):
        problem = (
            f"There is no check {name!r} in config.toml."
            if command is None
            else f"{where!r} is neither sandbox nor outside."
        )
        echo(f"{problem} Example: token-saver checks place test sandbox", err=True)
        raise typer.Exit(2)
    CheckPlaces(folders.check_places).answer(name, command, "outside" if where == "outside" else "sandbox")
    echo(f"{name} runs {'outside the sandbox' if where == 'outside' else 'in the sandbox'} from now on.")


def _accepted() -> "AcceptedChecks":
    from server.execution.project_checks.accepted import AcceptedChecks  # noqa: PLC0415

    return AcceptedChecks(find_folders().accepted_checks)


def _found(project: Path) -> "tuple[tuple[ProjectCheck, ...], tuple[str, ...]]":
    from server.execution.project_checks.find import find_project_checks  # noqa: PLC0415

    found = find_project_checks(project)
    return found.checks, found.unreadable
