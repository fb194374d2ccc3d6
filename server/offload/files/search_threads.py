"""Threads for searching and reading files, shared fairly among clients.

Searching takes long in large projects. A client that floods the app with searches, by calls or by the items
of a batch, delays its own work only.
"""

import asyncio
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from server.common.client_pool import ClientPool
from server.offload.files.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")

SEARCH_THREADS = ClientPool(4, "search")


async def search(
    workspace: Workspace,
    function: Callable[Concatenate[Workspace, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a blocking function on a workspace in its caller's thread. Cancelling ends the walk that runs."""
    caller = workspace.caller
    client = f"{caller.client} {caller.session} {caller.project}"  # clients over HTTP have no session
    try:
        return await SEARCH_THREADS.run(client, function, workspace, *args, **kwargs)
    except asyncio.CancelledError:
        workspace.walker.stop()
        raise
