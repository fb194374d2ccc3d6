"""Retries for offloads whose outcome could not be written to the history.

An offload is not delivered until its row says so. If the row cannot be written (full disk, locked database),
the caller gets an error. Once the history is writable again, the file is restored and the row is marked as
failed. If the file cannot be restored, the row records this and the undo bytes are kept. If the app exits
first, the file is restored on the next start (``crash_recovery.recover``).
"""

import asyncio
import logging

from server.common.aio import BackgroundTasks
from server.common.errors import StoreError, WorkspaceError
from server.offload.delivery import crash_recovery
from server.offload.delivery.rescue_copies import RescueCopies
from server.offload.run.recorder import OffloadRecorder, OffloadState
from server.store.history import History
from server.store.records import UndoRecord

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class FinishRetrier:
    """Restores files and records failed offloads in background tasks on one event loop."""

    def __init__(self, history: History, recorder: OffloadRecorder, rescue_copies: RescueCopies) -> None:
        self._history = history
        self._rescue_copies = rescue_copies
        self._recorder = recorder
        self._tasks = BackgroundTasks()

    def schedule(self, run: OffloadState, error: StoreError) -> None:
        """As soon as possible, restore the file and record that the offload failed with ``error``."""
        self._tasks.start(self._make_good(run, error), name=f"end of offload {run.id}")

    async def drain(self) -> None:
        """Wait until the failure of every scheduled offload is recorded."""
        await self._tasks.drain()

    async def close(self) -> None:
        """Stop retrying. The next start picks up where this left off."""
        await self._tasks.close()

    async def _make_good(self, run: OffloadState, error: StoreError) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                detail = await self._history.get(run.id)
                if detail is None:  # the start of the offload was not written either
                    return
                if detail.undo is not None:
                    await self._put_back(run, detail.undo)
                run.delivery = None
                await self._recorder.close_failed(run, error)
            except StoreError as again:
                logger.warning("the end of offload %s cannot be written yet: %s", run.id, again)
            else:
                return

    async def _put_back(self, run: OffloadState, kept: UndoRecord) -> None:
        """Restore the file. A failure is recorded in the row and not retried."""
        try:
            await crash_recovery.put_back(self._history, run.id, kept, self._rescue_copies)
        except WorkspaceError as error:
            logger.warning("%s could not be restored: %s", kept.path, error)
            run.remarks.append(f"But {kept.path} could not be restored: {error.cause}")
