"""Threads for searching, reading and hashing files, shared fairly among clients.

Searching a large project takes a while. A client that floods the app with searches, whether through calls or
batch items, delays only its own work.
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
    """Run a blocking function on a workspace in a search thread. Cancelling ends the walk in progress."""
    try:
        return await run_for(workspace.caller, function, workspace, *args, **kwargs)
    except asyncio.CancelledError:
        workspace.walker.stop()
        raise


async def run_for(caller: Caller, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a search thread, when it is the caller's turn."""
    return await SEARCH_THREADS.run(caller.lane, function, *args, **kwargs)
