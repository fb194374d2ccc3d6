"""Undoing a delivered offload, and recovering after a crash."""

import asyncio
import logging
import os
from pathlib import Path

from server.common.errors import FileChanged, NotFound, WorkspaceError
from server.common.events import EventBus, OffloadUndone
from server.offload.delivery import atomic, change
from server.offload.delivery.rescue_copies import RescueCopies
from server.offload.files.workspace import digest_of
from server.store.history import History
from server.store.records import UndoRecord

logger = logging.getLogger(__name__)


async def undo(history: History, events: EventBus, offload_id: str) -> str:
    """Restore the old bytes, or remove the file that the offload created. Return a sentence describing the
    result.

    A unique prefix of the ID is enough.

    Raises:
        NotFound: the offload does not exist, wrote nothing, or was already undone.
        FileChanged: the file was changed after the offload wrote it, and was not touched.
        WorkspaceError: the file cannot be written.
    """
    detail = await history.find(offload_id)
    offload_id = detail.row.id
    if detail.row.undone:
        raise NotFound(f"Offload {offload_id} was already undone.", "There is nothing to undo.")
    kept = detail.undo
    if kept is None:
        raise NotFound(f"Offload {offload_id} wrote no file.", "There is nothing to undo.")
    path = Path(kept.path)
    if await asyncio.to_thread(atomic.digest_at, path) == kept.after_digest:
        await asyncio.to_thread(change.restore, path, kept.before, kept.after_digest)
    elif not await asyncio.to_thread(
        _is_as_before, kept
    ):  # reverted by hand, or by an undo that was not recorded
        raise FileChanged(
            f"{path} was changed after offload {offload_id} wrote it, so it was not restored.",
            "Take the old text from the diff in the history.",
        )
    await history.mark_undone(offload_id)
    events.publish(OffloadUndone(offload_id))
    return f"{path} is restored." if kept.before is not None else f"{path} was removed."


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
    elif kept.before is not None and not await asyncio.to_thread(_is_as_before, kept):
        old = await asyncio.to_thread(rescue_copies.save, path.name, kept.before)
        logger.warning(
            "%s changed after its offload was interrupted; its old content is saved as %s", path, old
        )
    await history.save_undo(offload_id, None)
    return is_there


def _is_as_before(kept: UndoRecord) -> bool:
    path = Path(kept.path)
    if kept.before is None:
        return not os.path.lexists(path)
    return atomic.digest_at(path) == digest_of(kept.before)
