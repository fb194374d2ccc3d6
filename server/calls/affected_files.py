"""Determines which files a call would touch before it runs, for the policy and for the user who approves
it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.batch.plan import Planned, fill_literally
from server.common.errors import TokenSaverError
from server.offload.files.resolve import PathResolver
from server.offload.files.workspace import Workspace, split_selection
from server.policy.values import Item

MOST_PATHS = 20
"""Maximum number of paths shown to the user; further paths are only counted."""


@dataclass(frozen=True)
class AffectedFiles:
    """The files that a call would touch.

    ``files`` is the number of files the call would write, or read if it writes none; ``paths`` names some of
    them. ``outputs`` holds every output path, both as named by the call and with links resolved. ``items``
    holds a batch's tasks. ``read_as`` holds the arguments with resolved paths (see ``Call``).
    """

    files: int = 0
    paths: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    read_as: tuple[Mapping[str, Any], ...] = ()


def affected_by(
    workspace: Workspace,
    arguments: Mapping[str, Any],
    inputs: tuple[str, ...],
    planned: Planned | None,
    *,
    batch: bool,
) -> AffectedFiles:
    """Return the files the call would touch. Invalid arguments give a partial result. Blocks.

    ``inputs`` and ``planned`` belong to a ``batch``. A dry run touches no files.
    """
    resolver = PathResolver(workspace)
    outputs = texts([arguments.get("output")]) if planned is None else planned.outputs
    tasks = () if planned is None else planned.items
    named = (*texts(arguments.get("files")), *(name for task in tasks for name in texts(task.get("files"))))
    read_as = _batch_read_as(resolver, arguments, planned) if batch else (resolver.of(arguments),)
    names = inputs + resolver.names(named)
    if arguments.get("dry_run") is True:
        return AffectedFiles(0, names[:MOST_PATHS], read_as=read_as)
    affected = _affected(workspace, names, outputs)
    return replace(affected, items=tuple(map(resolver.item, tasks)), read_as=read_as)


def _batch_read_as(
    resolver: PathResolver, arguments: Mapping[str, Any], planned: Planned | None
) -> tuple[Mapping[str, Any], ...]:
    """Return the batch's arguments with the output pattern as written, plus a copy for each place that a
    filled pattern reaches through a link.
    """
    pattern = arguments.get("output")
    read_as = {**resolver.of({**arguments, "output": ""}), "output": pattern}
    if pattern is None:
        del read_as["output"]
    if not isinstance(pattern, str) or planned is None or arguments.get("tasks"):
        return (read_as,)
    places = {
        place: None
        for item in planned.items
        if (place := resolver.place(item["output"])) != _plainly(fill_literally(pattern, item["files"][-1]))
    }
    return (read_as, *({**read_as, "output": place} for place in places))


def _plainly(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", ".")) if path[:1] != "/" else path


def _affected(workspace: Workspace, names: tuple[str, ...], outputs: tuple[str, ...]) -> AffectedFiles:
    # A selection is part of a file, so it does not count as another file.
    files = dict.fromkeys(_file_of(workspace, name) for name in (*outputs, *names))
    written = tuple(dict.fromkeys(_file_of(workspace, name) for name in outputs))
    resolved = tuple(_resolved(workspace, name) for name in written)
    return AffectedFiles(
        len(written) or len(files), tuple(files)[:MOST_PATHS], tuple(dict.fromkeys((*written, *resolved)))
    )


def _file_of(workspace: Workspace, given: str) -> str:
    return split_selection(workspace, given)[0].partition("::")[0]


def _resolved(workspace: Workspace, name: str) -> str:
    """Resolve a path to its target, because a link in the project may lead to a file that needs approval."""
    try:
        return workspace.shown(workspace.confine(name))
    except TokenSaverError:  # the tool will refuse it
        return name


def texts(value: Any) -> tuple[str, ...]:
    """Return the non-empty strings in a list; nothing for any other value."""
    return tuple(each for each in value if isinstance(each, str) and each) if isinstance(value, list) else ()
