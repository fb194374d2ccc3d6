"""Permission check for ``policy test``: finds paths that the tool itself would refuse."""

from collections.abc import Iterator

from server.calls.affected_files import texts
from server.calls.prepared import Prepared
from server.common.errors import PathOutsideRoots, PathProtected, TokenSaverError
from server.offload.files.search_threads import search
from server.offload.files.workspace import Workspace, expand, split_selection
from server.policy.values import Call


async def refused_path(prepared: Prepared) -> TokenSaverError | None:
    """Return why the tool would refuse a path even though the policy allows the call; None if it accepts all
    paths.

    A path is refused if the caller may not read or write there. A missing file is not a permission error.
    """
    return await search(prepared.workspace, _first_refusal, prepared.call)


def _first_refusal(workspace: Workspace, call: Call) -> TokenSaverError | None:
    return next(_refusals(workspace, call), None)


def _refusals(workspace: Workspace, call: Call) -> Iterator[TokenSaverError]:
    for arguments in (call.arguments, *(item.arguments for item in call.items)):
        for key in ("files", "each"):
            for given in texts(arguments.get(key)):
                yield from _refusal(workspace, given, reads=True)
        output = arguments.get("output")
        # The output of a batch with `each` is a pattern; the items hold the real paths.
        if isinstance(output, str) and output and not (call.items and arguments is call.arguments):
            yield from _refusal(workspace, output, reads=False)


def _refusal(workspace: Workspace, given: str, *, reads: bool) -> Iterator[TokenSaverError]:
    try:
        for path in expand(workspace, given) if reads else (given,):
            name = split_selection(workspace, path)[0]
            (workspace.confine_to_read if reads else workspace.confine_to_write)(name)
    except (PathOutsideRoots, PathProtected) as error:
        yield error
    except TokenSaverError:
        return  # the file is missing
