"""Repeats the transcript check every few minutes, and at once when the user switches it on."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from server.common.errors import StoreError
from server.common.events import EventBus, TranscriptCheckEnded
from server.ledger.transcripts.check import TranscriptCheck

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 300.0


class TranscriptCheckLoop:
    """Runs a transcript check repeatedly on one event loop.

    Args:
        on_new: called after any check that read new lines.
    """

    def __init__(self, check: TranscriptCheck, events: EventBus, on_new: Callable[[], None]) -> None:
        self._check = check
        self._events = events
        self._on_new = on_new
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Check now instead of waiting for the interval."""
        self._wanted.set()

    async def run(self) -> None:
        """Check repeatedly until cancelled."""
        while True:
            self._wanted.clear()
            try:
                if files := await self._check.run():
                    self._on_new()
                    self._events.publish(TranscriptCheckEnded(files))
            except StoreError:
                logger.exception("the transcript check failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_SECONDS):
                    await self._wanted.wait()
