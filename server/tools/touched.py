"""What a call would touch, found before it runs: for rules on numbers of files, and for who approves it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.batch.plan import plan_each, plan_tasks
from server.errors import TokenSaverError
from server.hub import Hub
from server.offload.values import Caller
from server.offload.workspace import Workspace, expand

MOST_PATHS = 20
"""Paths that are named to the user; the rest is a number."""


@dataclass(frozen=True)
class Touched:
    """How many files a call would write (read, where it writes none), some of the files by name, and all
    that it would write."""

    files: int = 0
    paths: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


async def touched_by(hub: Hub, tool: str, arguments: Mapping[str, Any], caller: Caller) -> Touched:
    """Return what the call would touch; nothing where its arguments are wrong, which the tool itself says."""
    try:
        if tool == "batch_offload":
            return await _by_batch(hub, arguments, caller)
        names = await asyncio.to_thread(_expanded, hub, _texts(arguments.get("files")), caller)
        return _touched(names, _texts([arguments.get("output")]))
    except (TokenSaverError, TypeError, ValueError):
        return Touched()


async def _by_batch(hub: Hub, arguments: Mapping[str, Any], caller: Caller) -> Touched:
    tasks, each = arguments.get("tasks"), _texts(arguments.get("each"))
    inputs: tuple[str, ...] = ()
    if tasks:
        planned = plan_tasks(tasks, sequential=False)
    else:
        inputs = tuple(await hub.batches.expand(each, caller))
        output = str(arguments.get("output") or "")
        most = hub.settings.batch.max_items
        planned = plan_each(str(arguments.get("task") or ""), inputs, output, {}, most)
    named = _texts(arguments.get("files"))
    for item in planned.items:
        named += _texts(item.get("files"))
    names = await asyncio.to_thread(_expanded, hub, named, caller)
    return _touched((*inputs, *names), list(planned.outputs))


def _touched(names: tuple[str, ...], outputs: list[str]) -> Touched:
    # A selection is a part of a file, not one more; what is read and written is one file.
    files = dict.fromkeys(name.partition("::")[0] for name in (*outputs, *names))
    written = tuple(dict.fromkeys(name.partition("::")[0] for name in outputs))
    return Touched(len(written) or len(files), tuple(files)[:MOST_PATHS], written)


def _expanded(hub: Hub, given: list[str], caller: Caller) -> tuple[str, ...]:
    workspace = Workspace(caller, hub.settings.offload.max_file_bytes)
    return tuple(name for each in dict.fromkeys(given) for name in expand(workspace, each))


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []
