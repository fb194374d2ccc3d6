"""What was saved, summed up again whenever that may have changed; what is too old to be kept is removed."""

import asyncio
import logging
from collections.abc import Callable

from server.common.aio import cancel_and_wait
from server.common.days import days_ago, midnight, seconds_to_midnight
from server.common.errors import StoreError
from server.common.events import Event, JobChanged, OffloadEnded, OffloadUndone
from server.store.history import History
from server.store.jobs import Jobs
from server.store.records import Totals

logger = logging.getLogger(__name__)

TOGETHER_SECONDS = 0.2
"""After an offload ended, before the sums are made again."""
BOOKED = OffloadEnded | OffloadUndone | JobChanged
"""What may change the sums: calls about a batch cost something, too."""

OnSums = Callable[[Totals, Totals], None]
"""Called with the sums of today and of all time."""


class TotalsUpdater:
    """The sums of a hub's history. For one event loop, but ``note`` may be called from any thread.

    Args:
        days: how long offloads and batches are kept.
        on_sums: called whenever the sums were made.
    """

    def __init__(self, history: History, jobs: Jobs, days: int, on_sums: OnSums) -> None:
        self._history = history
        self._jobs = jobs
        self._days = days
        self._on_sums = on_sums
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._booked = self._summed = 0
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the sums, and again from now on.

        Raises:
            StoreError: the history cannot be read.
        """
        await self._refresh()
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Make no more sums."""
        await cancel_and_wait(self._watcher)

    def note(self, event: Event) -> None:
        """Take in what happened."""
        if isinstance(event, BOOKED):
            self._booked += 1
            self._loop.call_soon_threadsafe(self._wanted.set)

    def again(self) -> None:
        """Make the sums again soon."""
        self._wanted.set()

    async def catch_up(self) -> None:
        """Return when the sums hold whatever was noted up to now.

        Raises:
            StoreError: the history cannot be read.
        """
        if self._summed != self._booked:
            await self._refresh()

    async def _watch(self) -> None:
        """Sum up again whenever it is wanted, and at midnight, when "today" begins anew."""
        new_day = True
        while True:
            try:
                if new_day:
                    await self._history.prune(self._days)
                    await self._jobs.prune(days_ago(self._days))
                await self._refresh()
            except StoreError:
                logger.exception("the totals could not be summed up")
            new_day = False
            try:
                async with asyncio.timeout(seconds_to_midnight()):
                    await self._wanted.wait()
            except TimeoutError:
                new_day = True
            # Of a batch several end in one moment.
            await asyncio.sleep(TOGETHER_SECONDS)
            self._wanted.clear()

    async def _refresh(self) -> None:
        booked = self._booked
        today = await self._history.totals(midnight().timestamp())
        self._on_sums(today, await self._history.totals())
        self._summed = booked
