"""A real hub in this process, on the event loop of the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.config.folders import find_folders
from server.config.settings import Settings
from server.hub import Hub, open_hub
from tests.new_database import copy_new_database


@asynccontextmanager
async def running_hub(settings: Settings) -> AsyncIterator[Hub]:
    """Run a hub in the test's own folders within the ``async with`` block."""
    folders = find_folders()
    copy_new_database(folders.database)
    async with open_hub(settings, folders) as hub:
        yield hub
