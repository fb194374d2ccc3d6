"""Totals for tokens saved, recalculated after every change and at midnight."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from server.common.aio import cancel_and_wait
from server.common.days import midnight, seconds_to_midnight
from server.common.errors import StoreError
from server.common.events import Event, JobChanged, OffloadEnded, OffloadUndone, ResultDigested
from server.store.history import History
from server.store.records import Totals

logger = logging.getLogger(__name__)

COALESCE_SECONDS = 0.2
"""Delay between a change and the recalculation, so that batch items that end together share one
recalculation.
"""
CHANGES_TOTALS = OffloadEnded | OffloadUndone | JobChanged | ResultDigested
"""Events that can change the totals. Calls about a batch also cost tokens."""

OnTotals = Callable[[Totals, Totals], None]
"""Called with today's totals and the all-time totals."""


class TotalsUpdater:
    """Keeps a history's totals up to date. Belongs to one event loop, but ``observe`` can be called from any
    thread.

    Args:
        on_totals: called after each calculation.
    """

    def __init__(self, history: History, on_totals: OnTotals) -> None:
        self._history = history
        self._on_totals = on_totals
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._changes = self._included = 0
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Calculate the totals now, and again after every change.

        Raises:
            StoreError: the history cannot be read.
        """
        await self._refresh()
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop the updates."""
        await cancel_and_wait(self._watcher)

    def observe(self, event: Event) -> None:
        """Schedule a calculation if the event can change the totals."""
        if isinstance(event, CHANGES_TOTALS):
            self._changes += 1
            self._loop.call_soon_threadsafe(self._wanted.set)

    def refresh_soon(self) -> None:
        """Schedule a calculation."""
        self._wanted.set()

    async def ensure_current(self) -> None:
        """Wait until the totals reflect every event observed so far.

        Raises:
            StoreError: the history cannot be read.
        """
        if self._included != self._changes:
            await self._refresh()

    async def _watch(self) -> None:
        """Recalculate on request and at midnight, when "today" starts over."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds_to_midnight()):
                    await self._wanted.wait()
            await asyncio.sleep(COALESCE_SECONDS)
            self._wanted.clear()
            try:
                await self._refresh()
            except StoreError:
                logger.exception("the totals could not be calculated")

    async def _refresh(self) -> None:
        changes = self._changes
        today = await self._history.totals(midnight().timestamp())
        self._on_totals(today, await self._history.totals())
        self._included = changes
