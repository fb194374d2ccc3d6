"""Actions of ``token-saver models``: list, download, load, recommend, measure."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.commands.hub_client import HubAnswered, HubClient, connect_or_start, hub_for_call
from server.commands.status import activity_line
from server.commands.terminal.output import echo, print_json, print_table, size_of
from server.commands.terminal.progress import Step, progress_bar
from server.common.control_characters import in_line
from server.common.errors import BadArguments
from server.config.folders import Folders

if TYPE_CHECKING:
    from server.config.settings import Settings

BENCH_HEADER = ("model", "load", "prompt", "generation", "parallel", "chores right")


def list_models(settings: "Settings", folders: Folders, *, as_json: bool) -> None:
    """Print the engine's models.

    Raises:
        TokenSaverError: the hub does not answer or cannot be started.
    """
    with hub_for_call(settings, folders) as hub:
        hub.call_tool("list_loaded_models", {}, _ignore)  # refreshes the status
        snapshot = hub.get("/api/status")
    engine = snapshot["engine"]
    if as_json:
        print_json({**engine, "activities": snapshot["activities"]})
        return
    echo(engine["label"] or engine["error"])
    for activity in snapshot["activities"]:
        echo(in_line(activity_line(activity)))
    loaded = {model["name"]: model for model in engine["loaded"]}
    rows = [_row(model, loaded.get(model["name"])) for model in engine["installed"]]
    if rows:
        header = ("model", "size", "parameters", "quantization", "loaded", "unloads in")
        print_table(header, rows, right=("size", "parameters"), shorten="model", paint={"loaded": _loaded})
    elif engine["label"] and not snapshot["activities"]:
        echo(f"No model is installed yet. {_first_model(engine)}")


def pull_model(settings: "Settings", folders: Folders, model: str, *, as_json: bool) -> None:
    """Download a model; without a name, the engine's default model.

    Raises:
        TokenSaverError: the model cannot be downloaded; the message gives the reason.
    """
    with hub_for_call(settings, folders) as hub:
        if not model:
            hub.call_tool("list_loaded_models", {}, _ignore)  # refreshes the status
            model = hub.get("/api/status")["engine"]["default_model"]
        if not model:
            raise BadArguments("The engine has no default model.", "Name a model: `models pull NAME`.")
        _call(hub, "pull_model", {"model": model}, as_json=as_json)


def load_model(folders: Folders, model: str, keep_alive: str, *, as_json: bool) -> None:
    """Load a model in the running hub. If there is none, start a hub that keeps running.

    Raises:
        TokenSaverError: the model cannot be loaded; the message gives the reason.
    """
    hub = connect_or_start(folders)
    _call(hub, "preload_model", {"model": model, "keep_alive": keep_alive}, as_json=as_json)


def unload_model(folders: Folders, model: str, *, as_json: bool) -> None:
    """Free a model's memory.

    Raises:
        TokenSaverError: the model cannot be unloaded; the message gives the reason.
    """
    hub = connect_or_start(folders)
    _call(hub, "preload_model", {"model": model, "keep_alive": "0"}, as_json=as_json)


def recommend_models(
    settings: "Settings", folders: Folders, category: str, *, prefer_quality: bool, as_json: bool
) -> None:
    """Print the best models for a category on this machine, with reasons.

    Raises:
        TokenSaverError: no engine is available, or the category does not exist.
    """
    arguments = {"category": category, "prefer_quality": prefer_quality}
    with hub_for_call(settings, folders) as hub:
        answer = hub.call_tool("recommend_model", arguments, _ignore)
    if answer.failed:
        raise HubAnswered(answer.text)
    if as_json:
        print_json({"category": category, "models": answer.meta.get("token-saver/recommended", [])})
    else:
        echo(answer.text)


def bench_models(
    settings: "Settings",
    folders: Folders,
    models: list[str],
    *,
    every: bool,
    as_json: bool,
    project: Path | None = None,
) -> None:
    """Measure models one by one and print the results, which later recommendations use. Functions from
    ``project`` become additional chores.

    Raises:
        TokenSaverError: a model cannot be measured. Earlier measurements are kept.
    """
    with hub_for_call(settings, folders) as hub:
        found = [_measure(hub, model, project) for model in models or _chosen(hub, every=every)]
    if as_json:
        print_json({"measurements": found})
        return
    right = BENCH_HEADER[1:]
    print_table(BENCH_HEADER, [_bench_row(each) for each in found], right=right, shorten="model")
    for each in found:
        for chore in each["chores"]:
            if not chore["passed"]:
                echo(f"{each['model']}: {chore['category']} {chore['name']}: {chore['reason']}")


def _chosen(hub: HubClient, *, every: bool) -> list[str]:
    """Return the models to measure if the user names none: the model in use, or all installed models."""
    if not every:
        return [""]
    hub.call_tool("list_loaded_models", {}, _ignore)  # refreshes the status
    installed = hub.get("/api/status")["engine"]["installed"]
    return [model["name"] for model in installed if model["generates"]]


def _measure(hub: HubClient, model: str, project: Path | None) -> dict[str, Any]:
    with progress_bar() as bar:
        wanted = {"model": model, "project": str(project.resolve()) if project else ""}
        for news in hub.stream("/api/measure", wanted):
            if "result" in news:
                result: dict[str, Any] = news["result"]
                return result
            if "error" in news:
                raise HubAnswered(news["message"])
            step = news["progress"]
            text = f"{step['model']}: {step['step']} ({step['done'] + 1} of {step['total']})"
            bar.show(Step(text, step["done"], step["total"]))
    raise HubAnswered("cancelled: The measurement was cancelled. Start it again.")


def _bench_row(found: dict[str, Any]) -> tuple[str, ...]:
    chores = found["chores"]
    loads = found["load_seconds"]
    return (
        found["model"],
        "" if loads is None else f"{loads:.1f} s",
        f"{found['prompt_rate']:.0f} tokens/s",
        f"{found['generate_rate']:.1f} tokens/s",
        f"{found['speedup']:.1f}x with {found['slots']}" if found["slots"] > 1 else "one slot",
        f"{sum(chore['passed'] for chore in chores)} of {len(chores)}",
    )


def _call(hub: HubClient, tool: str, arguments: dict[str, Any], *, as_json: bool) -> None:
    with progress_bar() as bar:
        answer = hub.call_tool(tool, arguments, bar.show)
    if answer.failed:
        raise HubAnswered(answer.text)
    if as_json:
        print_json({"text": answer.text, **arguments})
    else:
        echo(answer.text)


def _loaded(cell: str) -> str:
    return "green" if cell else ""


def _first_model(engine: dict[str, Any]) -> str:
    if engine["default_model"]:
        usual = in_line(engine["default_model"])
        return f"The first task downloads {usual}. To download it now: `token-saver models pull`."
    return "`token-saver models recommend` suggests models; `token-saver models pull NAME` downloads a model."


def _row(model: dict[str, Any], loaded: dict[str, Any] | None) -> tuple[str, ...]:
    memory = "" if loaded is None else size_of(loaded["size"]) or "yes"
    expires_at = loaded["expires_at"] if loaded else None
    stays = "" if loaded is None else "never"
    left = stays if expires_at is None else f"{max(0, expires_at - time.time()) / 60:.0f} min"
    return (model["name"], size_of(model["size"]), model["parameters"], model["quantization"], memory, left)


def _ignore(_step: Step) -> None:
    return
