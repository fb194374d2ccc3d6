"""Database access for policy commands that run without a hub."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.config.folders import Folders
from server.store.database import Database, open_database

T = TypeVar("T")


def with_database(folders: Folders, work: Callable[[Database], Awaitable[T]]) -> T:
    """Open the database, run ``work`` on it, and return the result of ``work``."""

    async def run() -> T:
        database = await asyncio.to_thread(open_database, folders.database)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
