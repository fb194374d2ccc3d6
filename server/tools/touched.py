"""What a call would touch, found before it runs: for rules on numbers of files, and for who approves it."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.batch.plan import Planned, plan_each, plan_tasks
from server.errors import TokenSaverError
from server.hub import Hub
from server.offload.values import Caller
from server.offload.workspace import Workspace, expand, split_selection

SHARED = ("files", "context", "model", "check")
"""Arguments of ``batch_offload`` that each of its items has."""
MOST_PATHS = 20
"""Paths that are named to the user; the rest is a number."""


@dataclass(frozen=True)
class Touched:
    """How many files a call would write (read, where it writes none), some of the files by name, and all
    that it would write: as the call names them, and where that leads once links are resolved. ``items`` are
    the arguments of a batch's tasks."""

    files: int = 0
    paths: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    items: tuple[Mapping[str, Any], ...] = ()


async def touched_by(hub: Hub, tool: str, arguments: Mapping[str, Any], caller: Caller) -> Touched:
    """Return what the call would touch; a dry run touches nothing. Where its arguments are wrong, which the
    tool itself says, it is what can be told all the same."""
    outputs = _texts([arguments.get("output")])
    names: tuple[str, ...] = ()
    items: tuple[Mapping[str, Any], ...] = ()
    with contextlib.suppress(TokenSaverError, TypeError, ValueError):
        if tool == "batch_offload":
            inputs, planned = await _planned(hub, arguments, caller)
            outputs, items = list(planned.outputs), planned.items
            named = _texts(arguments.get("files"))
            for item in planned.items:
                named += _texts(item.get("files"))
            names = inputs + await asyncio.to_thread(_expanded, hub, named, caller)
        else:
            names = await asyncio.to_thread(_expanded, hub, _texts(arguments.get("files")), caller)
    if arguments.get("dry_run") is True:
        return Touched(0, names[:MOST_PATHS])
    touched = await asyncio.to_thread(_touched, hub, caller, names, outputs)
    return replace(touched, items=items)


async def _planned(hub: Hub, arguments: Mapping[str, Any], caller: Caller) -> tuple[tuple[str, ...], Planned]:
    """Return what ``each`` names, and the plan of the batch, as the tool makes them.

    Raises:
        TokenSaverError, TypeError, ValueError: its arguments are wrong.
    """
    if tasks := arguments.get("tasks"):
        # What would be refused only because it runs at once is no reason to know less of what it touches.
        return (), plan_tasks(tasks, sequential=True)
    inputs = tuple(await hub.batches.expand(_texts(arguments.get("each")), caller))
    output = str(arguments.get("output") or "")
    most = hub.settings.batch.max_items
    shared = {key: value for key in SHARED if (value := arguments.get(key))}
    return inputs, plan_each(str(arguments.get("task") or ""), inputs, output, shared, most)


def _touched(hub: Hub, caller: Caller, names: tuple[str, ...], outputs: list[str]) -> Touched:
    # A selection is a part of a file, not one more; what is read and written is one file.
    workspace = Workspace(caller, hub.settings.offload.max_file_bytes)
    files = dict.fromkeys(_file_of(workspace, name) for name in (*outputs, *names))
    written = tuple(dict.fromkeys(_file_of(workspace, name) for name in outputs))
    led_to = tuple(_led_to(workspace, name) for name in written)
    return Touched(
        len(written) or len(files), tuple(files)[:MOST_PATHS], tuple(dict.fromkeys((*written, *led_to)))
    )


def _file_of(workspace: Workspace, given: str) -> str:
    return split_selection(workspace, given)[0].partition("::")[0]


def _led_to(workspace: Workspace, name: str) -> str:
    """Return where a path leads: a link in the project may lead to a file that needs approval."""
    try:
        return workspace.shown(workspace.confine(name))
    except TokenSaverError:  # it will be refused
        return name


def _expanded(hub: Hub, given: list[str], caller: Caller) -> tuple[str, ...]:
    workspace = Workspace(caller, hub.settings.offload.max_file_bytes)
    return tuple(name for each in dict.fromkeys(given) for name in expand(workspace, each))


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []
