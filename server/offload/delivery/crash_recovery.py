"""Reverts the writes of offloads that a crash or a failed end interrupted.

``store/history.py`` marks their rows as interrupted when the database is opened, and ``batch/recovery.py``
continues their batches.
"""

import asyncio
import logging
from pathlib import Path

from server.common.errors import WorkspaceError
from server.offload.delivery import atomic, change, undo
from server.offload.delivery.rescue_copies import RescueCopies
from server.store.history import History
from server.store.records import UndoRecord

logger = logging.getLogger(__name__)


async def recover(history: History, rescue_copies: RescueCopies) -> tuple[str, ...]:
    """Revert writes from offloads that a crash interrupted. Return the restored paths.

    If a file is still exactly as the offload wrote it, its old bytes are restored. If it was changed since
    then, it is left alone and its old bytes are saved as a rescue copy. Temporary files are removed.
    """
    taken: list[str] = []
    for offload_id, kept in await history.interrupted_writes():
        path = Path(kept.path)
        await asyncio.to_thread(atomic.remove_unfinished, path.parent)
        try:
            if await put_back(history, offload_id, kept, rescue_copies):
                taken.append(kept.path)
        except WorkspaceError as error:
            logger.warning("%s could not be restored: %s", path, error)
    return tuple(taken)


async def put_back(history: History, offload_id: str, kept: UndoRecord, rescue_copies: RescueCopies) -> bool:
    """Revert a write that was not accepted. Return whether the file still held the written content.

    A file that was changed after the write is left alone. The check may have made the change, so the old
    bytes are saved as a rescue copy.

    Raises:
        WorkspaceError: the file or the rescue copy cannot be written.
        StoreError: the history cannot be written.
    """
    path = Path(kept.path)
    is_there = await asyncio.to_thread(atomic.digest_at, path) == kept.after_digest
    if is_there:
        await asyncio.to_thread(change.restore, path, kept.before, kept.after_digest)
        logger.warning("%s was restored because its offload was interrupted", path)
    elif kept.before is not None and not await asyncio.to_thread(undo.is_as_before, kept):
        old = await asyncio.to_thread(rescue_copies.save, path.name, kept.before)
        logger.warning(
            "%s changed after its offload was interrupted; its old content is saved as %s", path, old
        )
    await history.save_undo(offload_id, None)
    return is_there
