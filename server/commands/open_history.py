"""Access to the history for commands that read it directly, without a hub."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.config.folders import Folders
from server.store.history import History


@asynccontextmanager
async def opened_history(folders: Folders, *, contents: bool = True) -> AsyncIterator[History]:
    """Open the history for the ``async with`` block; ``contents`` as in ``History.open``.

    Raises:
        StoreError: the history cannot be read.
    """
    folders.create()
    history = await History.open(folders.database, contents, owner=False)
    try:
        yield history
    finally:
        await history.close()
