"""Commands ``pause`` and ``resume``."""

import re
import time
from typing import Annotated

import typer

from server.commands.hub_client import connect
from server.commands.terminal.output import Json, echo, print_json
from server.common.errors import BadArguments
from server.config.folders import find_folders

UNITS = {"s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(\d+)([smh])")


def pause(
    duration: Annotated[
        str, typer.Option("--for", help="Duration, for example 15m or 1h; by default until `resume`.")
    ] = "",
    *,
    finish: Annotated[bool, typer.Option("--finish", help="Finish running work first.")] = False,
    as_json: Json = False,
) -> None:
    """Pause offloading.

    Work in progress is stopped; batches continue after `resume`.
    """
    seconds = seconds_of(duration) if duration else 0
    until = time.time() + seconds if seconds else 0.0
    paused = connect(find_folders()).post("/api/pause", {"until": until, "finish": finish})
    if as_json:
        print_json(paused)
        return
    when = f"until {time.strftime('%H:%M', time.localtime(until))}" if until else "until `token-saver resume`"
    echo(f"Offloading is paused {when}.")
    if finish:
        echo("Running work finishes first.")
    for each in paused["on_hold"]:
        echo(f"on hold  {each}")


def resume(as_json: Json = False) -> None:
    """Resume offloading."""
    resumed = connect(find_folders()).post("/api/resume")
    if as_json:
        print_json(resumed)
    elif resumed["was_paused"]:
        echo("Offloading is resumed.")
    else:
        echo("Offloading was not paused.")


def seconds_of(duration: str) -> int:
    """Return the number of seconds in a duration such as ``90s``, ``15m`` or ``1h``.

    Raises:
        BadArguments: the text is not a duration.
    """
    found = _DURATION.fullmatch(duration.strip())
    if found is None or not int(found[1]):
        raise BadArguments(f"{duration!r} is not a duration.", "Write it like 90s, 15m or 1h.")
    return int(found[1]) * UNITS[found[2]]
