"""Command group ``token-saver models``: list, download, load, recommend, measure."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.commands.models.actions import (
    bench_models,
    list_models,
    load_model,
    pull_model,
    recommend_models,
    unload_model,
)
from server.commands.terminal.output import Json, echo
from server.config.folders import find_folders
from server.models.categories import Category

if TYPE_CHECKING:
    from server.config.settings import Settings

models_app = typer.Typer(
    help="Models: list, pull, load, unload, recommend, bench, update.", no_args_is_help=False
)
ModelName = Annotated[
    str, typer.Argument(help="Name from `token-saver models` or from the engine's registry.")
]


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: Json = False) -> None:
    """List the installed and loaded models."""
    if context.invoked_subcommand is None:
        list_models(_settings(), find_folders(), as_json=as_json)


@models_app.command("list")
def list_installed(as_json: Json = False) -> None:
    """List the installed and loaded models."""
    list_models(_settings(), find_folders(), as_json=as_json)


@models_app.command()
def pull(
    model: Annotated[str, typer.Argument(help="By default the engine's default model.")] = "",
    as_json: Json = False,
) -> None:
    """Download a model."""
    pull_model(_settings(), find_folders(), model, as_json=as_json)


@models_app.command()
def load(
    model: ModelName,
    keep_alive: Annotated[
        str, typer.Option(help='How long the model stays loaded: "10m", or "-1" for no limit.')
    ] = "-1",
    as_json: Json = False,
) -> None:
    """Load a model into memory."""
    load_model(find_folders(), model, keep_alive, as_json=as_json)


@models_app.command()
def unload(model: ModelName, as_json: Json = False) -> None:
    """Free a model's memory."""
    unload_model(find_folders(), model, as_json=as_json)


@models_app.command()
def recommend(
    category: Annotated[
        Category,
        typer.Argument(help="Kind of work."),
    ] = "general",
    prefer_quality: Annotated[
        bool,
        typer.Option(
            "--prefer-quality", help="Show the best quality first, including models that must be downloaded."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Rank the models for a kind of work on this machine, with reasons."""
    recommend_models(_settings(), find_folders(), category, prefer_quality=prefer_quality, as_json=as_json)


@models_app.command()
def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="The model to measure; by default the model in use."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Measure every installed model.")] = False,
    project: Annotated[Path | None, typer.Option(help="Also measure on functions of this project.")] = None,
    as_json: Json = False,
) -> None:
    """Measure models on this machine: speed and correct chores. Recommendations use the results."""
    bench_models(_settings(), find_folders(), models or [], every=every, as_json=as_json, project=project)


@models_app.command()
def update(
    source: Annotated[str, typer.Argument(metavar="FILE_OR_ADDRESS", help="A catalogue as a TOML file.")],
) -> None:
    """Install a newer model catalogue from a file or URL."""
    from server.models.catalogue_update import update_catalogue  # noqa: PLC0415 - other commands need no HTTP

    echo(update_catalogue(find_folders(), source))


def _settings() -> "Settings":
    from server.config.settings import load_settings  # noqa: PLC0415 - commands without settings must not wait for it

    return load_settings(find_folders())
