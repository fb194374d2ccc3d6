"""What a call would touch, found before it runs: for rules on numbers of files, and for who approves it."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.batch.inputs import expand_inputs
from server.batch.plan import Planned, fill_literally, plan_each, plan_tasks
from server.common.errors import TokenSaverError
from server.offload.files.resolve import PathResolver
from server.offload.files.workspace import Workspace, split_selection
from server.policy.values import Item

SHARED = ("files", "context", "model", "check")
"""Arguments of ``batch_offload`` that each of its items has."""
MOST_PATHS = 20
"""Paths that are named to the user; the rest is a number."""


@dataclass(frozen=True)
class Touched:
    """How many files a call would write (read, where it writes none), some of the files by name, and all
    that it would write: as the call names them, and where that leads once links are resolved. ``items``
    are a batch's tasks, ``read_as`` what a ``Call`` has by that name."""

    files: int = 0
    paths: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    read_as: tuple[Mapping[str, Any], ...] = ()


async def touched_by(
    workspace: Workspace, most_items: int, tool: str, arguments: Mapping[str, Any]
) -> Touched:
    """Return what the call would touch; a dry run touches nothing. Where its arguments are wrong, which the
    tool itself says, it is what can be told all the same. A batch has ``most_items``."""
    inputs: tuple[str, ...] = ()
    planned: Planned | None = None
    if tool == "batch_offload":
        with contextlib.suppress(TokenSaverError, TypeError, ValueError):
            inputs, planned = await _planned(workspace, most_items, arguments)
    return await asyncio.to_thread(_found, workspace, arguments, inputs, planned, tool == "batch_offload")


def _found(
    workspace: Workspace,
    arguments: Mapping[str, Any],
    inputs: tuple[str, ...],
    planned: Planned | None,
    batch: bool,
) -> Touched:
    places = PathResolver(workspace)
    outputs = _texts([arguments.get("output")]) if planned is None else list(planned.outputs)
    tasks = () if planned is None else planned.items
    named = _texts(arguments.get("files")) + [name for task in tasks for name in _texts(task.get("files"))]
    read_as = _batch_read_as(places, arguments, planned) if batch else (places.of(arguments),)
    names = inputs + places.names(named)
    if arguments.get("dry_run") is True:
        return Touched(0, names[:MOST_PATHS], read_as=read_as)
    touched = _touched(workspace, names, outputs)
    return replace(touched, items=tuple(map(places.item, tasks)), read_as=read_as)


async def _planned(
    workspace: Workspace, most_items: int, arguments: Mapping[str, Any]
) -> tuple[tuple[str, ...], Planned]:
    """Return what ``each`` names, and the plan of the batch, as the tool makes them.

    Raises:
        TokenSaverError, TypeError, ValueError: its arguments are wrong.
    """
    if tasks := arguments.get("tasks"):
        # What would be refused only because it runs at once is no reason to know less of what it touches.
        return (), plan_tasks(tasks, sequential=True)
    inputs = await asyncio.to_thread(expand_inputs, workspace, _texts(arguments.get("each")))
    output = str(arguments.get("output") or "")
    shared = {key: value for key in SHARED if (value := arguments.get(key))}
    return inputs, plan_each(str(arguments.get("task") or ""), inputs, output, shared, most_items)


def _batch_read_as(
    places: PathResolver, arguments: Mapping[str, Any], planned: Planned | None
) -> tuple[Mapping[str, Any], ...]:
    """Return the batch's arguments with its pattern of outputs as it is written, and with each place that an
    output leads to which is not what the pattern says."""
    pattern = arguments.get("output")
    read_as = {**places.of({**arguments, "output": ""}), "output": pattern}
    if pattern is None:
        del read_as["output"]
    if not isinstance(pattern, str) or planned is None or arguments.get("tasks"):
        return (read_as,)
    led_to = {
        place: None
        for item in planned.items
        if (place := places.place(item["output"])) != _plainly(fill_literally(pattern, item["files"][-1]))
    }
    return (read_as, *({**read_as, "output": place} for place in led_to))


def _plainly(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", ".")) if path[:1] != "/" else path


def _touched(workspace: Workspace, names: tuple[str, ...], outputs: list[str]) -> Touched:
    # A selection is a part of a file, not one more; what is read and written is one file.
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


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []
