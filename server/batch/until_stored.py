"""Retries a change until the database accepts it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from server.common.errors import StoreError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Delay between attempts while the disk is full or the database is locked (seconds)."""


async def until_stored(change: Callable[[], Awaitable[None]]) -> None:
    """Make the change, retrying until the store accepts it, because a job must not be left half stopped."""
    while True:
        try:
            return await change()
        except StoreError as error:
            logger.warning("a batch waits for the database: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
