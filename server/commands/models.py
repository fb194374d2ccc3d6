"""``token-saver models`` and its subcommands."""

from typing import Any

import typer

from server.commands.client import HubAnswered, HubClient, connect_or_start, hub_for_call
from server.commands.output import ProgressLine, gib, print_json, print_table
from server.folders import Folders
from server.settings import Settings


def list_models(settings: Settings, folders: Folders, *, as_json: bool) -> None:
    """Print the engine's models.

    Raises:
        TokenSaverError: the hub cannot be had.
    """
    with hub_for_call(settings, folders) as hub:
        hub.call_tool("list_loaded_models", {}, _ignore)  # asks the engine, so that the status is fresh
        engine = hub.get("/api/status")["engine"]
    if as_json:
        print_json(engine)
        return
    typer.echo(engine["label"] or engine["error"])
    loaded = {model["name"]: model for model in engine["loaded"]}
    rows = [_row(model, loaded.get(model["name"])) for model in engine["installed"]]
    if rows:
        print_table(("model", "size", "parameters", "quantization", "loaded"), rows)


def pull_model(settings: Settings, folders: Folders, model: str, *, as_json: bool) -> None:
    """Download a model.

    Raises:
        TokenSaverError: it cannot be had; the message says why.
    """
    with hub_for_call(settings, folders) as hub:
        _call(hub, "pull_model", {"model": model}, as_json=as_json)


def load_model(folders: Folders, model: str, keep_alive: str, *, as_json: bool) -> None:
    """Load a model in the hub that runs, or in one started now that stays.

    Raises:
        TokenSaverError: it cannot be loaded; the message says why.
    """
    hub = connect_or_start(folders)
    _call(hub, "preload_model", {"model": model, "keep_alive": keep_alive}, as_json=as_json)


def unload_model(folders: Folders, model: str, *, as_json: bool) -> None:
    """Free a model's memory.

    Raises:
        TokenSaverError: it cannot be unloaded; the message says why.
    """
    hub = connect_or_start(folders)
    _call(hub, "preload_model", {"model": model, "keep_alive": "0"}, as_json=as_json)


def _call(hub: HubClient, tool: str, arguments: dict[str, Any], *, as_json: bool) -> None:
    line = ProgressLine()
    try:
        answer = hub.call_tool(tool, arguments, line.show)
    finally:
        line.clear()
    if answer.failed:
        raise HubAnswered(tool, answer.text)
    if as_json:
        print_json({"text": answer.text, **arguments})
    else:
        typer.echo(answer.text)


def _row(model: dict[str, Any], loaded: dict[str, Any] | None) -> tuple[str, ...]:
    memory = "" if loaded is None else gib(loaded["size"]) or "yes"
    return (model["name"], gib(model["size"]), model["parameters"], model["quantization"], memory)


def _ignore(_text: str) -> None:
    return
