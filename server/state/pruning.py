"""Daily removal of offloads and batches older than the retention period."""

import asyncio
import logging

from server.common.aio import cancel_and_wait
from server.common.days import days_ago, seconds_to_midnight
from server.common.errors import StoreError
from server.store.history import History
from server.store.jobs import Jobs
from server.store.result_digests import ResultDigests

logger = logging.getLogger(__name__)


class Pruner:
    """Prunes the history when the app starts and after each midnight.

    Args:
        days: how long offloads and batches are kept, in days of 24 hours.
    """

    def __init__(self, history: History, jobs: Jobs, digests: ResultDigests, days: int) -> None:
        self._history = history
        self._digests = digests
        self._jobs = jobs
        self.days = days
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start pruning in the background."""
        self._task = asyncio.create_task(self._prune_daily())

    async def close(self) -> None:
        """Stop pruning."""
        await cancel_and_wait(self._task)

    async def _prune_daily(self) -> None:
        while True:
            try:
                await self._history.prune(self.days)
                await self._jobs.prune(days_ago(self.days))
                await self._digests.prune(days_ago(self.days))
            except StoreError:
                logger.exception("old offloads and batches could not be removed")
            await asyncio.sleep(seconds_to_midnight())
