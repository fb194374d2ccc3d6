"""Threads for searching, reading and digesting files, shared fairly among clients.

Searches in large projects take long. A client that floods the app with searches, by calls or by batch items,
delays only its own work.
"""

import asyncio
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from server.common.client_pool import ClientPool
from server.offload.files.workspace import Workspace
from server.offload.values import Caller

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
    try:
        return await run_for(workspace.caller, function, workspace, *args, **kwargs)
    except asyncio.CancelledError:
        workspace.walker.stop()
        raise


async def run_for(caller: Caller, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in the caller's thread."""
    return await SEARCH_THREADS.run(caller.lane, function, *args, **kwargs)
