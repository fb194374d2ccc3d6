"""The history, for commands that look into it themselves and need no hub."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.config.folders import Folders
from server.store.history import History


@asynccontextmanager
async def opened_history(folders: Folders, *, contents: bool = True) -> AsyncIterator[History]:
    """Open the history within the ``async with`` block; ``contents`` as in ``History.open``.

    Raises:
        StoreError: it cannot be read.
    """
    folders.create()
    history = await History.open(folders.database, contents, owner=False)
    try:
        yield history
    finally:
        await history.close()
