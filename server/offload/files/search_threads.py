"""Threads for searching and reading files, shared fairly among clients.

Searches in large projects take long. A client that floods the app with searches, by calls or by batch items,
delays only its own work.
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
    """Run a blocking function on a workspace in its caller's thread. Cancelling ends the running walk."""
    caller = workspace.caller
    client = f"{caller.client} {caller.session} {caller.project}"  # clients over HTTP have no session
    try:
        return await SEARCH_THREADS.run(client, function, workspace, *args, **kwargs)
    except asyncio.CancelledError:
        workspace.walker.stop()
        raise
