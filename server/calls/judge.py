"""A tool call as the policy judges it: the same for a call that runs and for one that is only tried out."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from server.calls.affected_files import touched_by
from server.common.errors import PathOutsideRoots, PathProtected, TokenSaverError
from server.config.settings import Settings
from server.offload.files.workspace import Workspace, expand, split_selection
from server.policy.files.protect import patterns_of, protected_outputs
from server.policy.values import Call


async def judged_call(
    settings: Settings, workspace: Workspace, tool: str, arguments: Mapping[str, Any]
) -> Call:
    """Return the call of a tool by the workspace's caller, with the files that it would touch."""
    touched = await touched_by(workspace, settings.batch.max_items, tool, arguments)
    protected = protected_outputs(touched.outputs, settings.paths.protect)
    caller = workspace.caller
    return Call(
        tool=tool,
        arguments=arguments,
        client=caller.client,
        session=caller.session,
        project=str(caller.project or ""),
        files=touched.files,
        paths=touched.paths,
        items=touched.items,
        read_as=touched.read_as,
        protected=protected,
        protected_by=patterns_of(protected, settings.paths.protect),
    )


async def refused_path(workspace: Workspace, call: Call) -> TokenSaverError | None:
    """Return why the tool would refuse a path of the call once the policy let it pass: it lies where the
    caller may not read or write; None if none does. Files that do not exist are no matter of leave."""
    return await asyncio.to_thread(lambda: next(_refusals(workspace, call), None))


def _refusals(workspace: Workspace, call: Call) -> Iterator[TokenSaverError]:
    for arguments in (call.arguments, *(item.arguments for item in call.items)):
        for key in ("files", "each"):
            for given in _texts(arguments.get(key)):
                yield from _refusal(workspace, given, reads=True)
        output = arguments.get("output")
        # A batch's pattern is none itself: its items have the paths.
        if isinstance(output, str) and output and not (call.items and arguments is call.arguments):
            yield from _refusal(workspace, output, reads=False)


def _refusal(workspace: Workspace, given: str, *, reads: bool) -> Iterator[TokenSaverError]:
    try:
        for path in expand(workspace, given) if reads else (given,):
            name = split_selection(workspace, path)[0]
            (workspace.confine_to_read if reads else workspace.confine)(name)
    except (PathOutsideRoots, PathProtected) as error:
        yield error
    except TokenSaverError:
        return  # no such file


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str) and each) if isinstance(value, list) else ()
