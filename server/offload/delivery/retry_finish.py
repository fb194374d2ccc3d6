"""Ends of offloads that the history did not take: made good as soon as it can be written again.

Nothing counts as delivered before its row says so. Where that row cannot be written (a full disk, a lock),
the caller is told an error; once the history can be written again, what the offload had in place is taken
back, and its row ends as failed. Where the file cannot be put back, the row says that, and the bytes for undo
are kept. Should the app end before, its next start puts the file back (``undo.recover``).
"""

import asyncio
import logging

from server.common.aio import BackgroundTasks
from server.common.errors import StoreError, WorkspaceError
from server.offload.delivery import undo
from server.offload.delivery.rescue_copies import RescueCopies
from server.offload.run.state import OffloadRecorder, OffloadState
from server.store.history import History
from server.store.records import UndoRecord

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class FinishRetrier:
    """The ends that are still to be written. For one event loop."""

    def __init__(self, history: History, recorder: OffloadRecorder, rescue_copies: RescueCopies) -> None:
        self._history = history
        self._rescue_copies = rescue_copies
        self._recorder = recorder
        self._tasks = BackgroundTasks()

    def schedule(self, run: OffloadState, error: StoreError) -> None:
        """Let the offload end as failed by ``error``, its file as before, once that can be written."""
        self._tasks.start(self._make_good(run, error), name=f"end of offload {run.id}")

    async def drain(self) -> None:
        """Wait until nothing is owed."""
        await self._tasks.drain()

    async def close(self) -> None:
        """Leave what is still owed to the next start."""
        await self._tasks.close()

    async def _make_good(self, run: OffloadState, error: StoreError) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                detail = await self._history.get(run.id)
                if detail is None:  # not even its beginning was written
                    return
                if detail.undo is not None:
                    await self._put_back(run, detail.undo)
                run.delivery = None
                await self._recorder.close_failed(run, error)
            except StoreError as again:
                logger.warning("the end of offload %s is still owed: %s", run.id, again)
            else:
                return

    async def _put_back(self, run: OffloadState, kept: UndoRecord) -> None:
        """Put the file back; one that cannot be is not tried again and again, but named in the row."""
        try:
            await undo.put_back(self._history, run.id, kept, self._rescue_copies)
        except WorkspaceError as error:
            logger.warning("%s could not be put back: %s", kept.path, error)
            run.remarks.append(f"But {kept.path} could not be put back as it was: {error.cause}")
