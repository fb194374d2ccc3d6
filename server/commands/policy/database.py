"""Access of policy commands to the database, without a hub."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.config.folders import Folders
from server.store.database import Database, open_database

T = TypeVar("T")


def with_database(folders: Folders, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run ``work`` on the opened database and return its result."""

    async def run() -> T:
        database = await asyncio.to_thread(open_database, folders.database)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
