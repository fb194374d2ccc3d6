"""Puts back what an offload overwrote, if the file still is what the offload wrote."""

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
    """Put the old bytes back, or remove the file that the offload made; return a sentence saying so. A unique
    beginning of the id is enough.

    Raises:
        NotFound: there is no such offload, or it wrote nothing, or it was undone before.
        FileChanged: the file is no longer what the offload wrote; it was left alone.
        WorkspaceError: the file cannot be written.
    """
    detail = await history.find(offload_id)
    offload_id = detail.row.id
    if detail.row.undone:
        raise NotFound(f"Offload {offload_id} was undone before.", "There is nothing left to do.")
    kept = detail.undo
    if kept is None:
        raise NotFound(f"Offload {offload_id} wrote no file.", "There is nothing to undo.")
    path = Path(kept.path)
    if await asyncio.to_thread(atomic.digest_at, path) == kept.after_digest:
        await asyncio.to_thread(change.restore, path, kept.before, kept.after_digest)
    elif not await asyncio.to_thread(_is_as_before, kept):  # by hand, or by an undo that could not be noted
        raise FileChanged(
            f"{path} is no longer what offload {offload_id} wrote; it was left as it is.",
            "Take the old text from the diff in the history.",
        )
    await history.mark_undone(offload_id)
    events.publish(OffloadUndone(offload_id))
    return f"{path} is as it was before." if kept.before is not None else f"{path} was removed again."


async def recover(history: History, rescue_copies: RescueCopies) -> tuple[str, ...]:
    """Take back what offloads had in place, unaccepted, when the app died; return the paths.

    An offload that did not end as delivered leaves nothing: a file that is still exactly what it wrote gets
    its old bytes back. A file that was changed since is left alone, and its old bytes are kept aside.
    Half-written files beside it are removed.
    """
    taken: list[str] = []
    for offload_id, kept in await history.interrupted_writes():
        path = Path(kept.path)
        await asyncio.to_thread(atomic.remove_unfinished, path.parent)
        try:
            if await put_back(history, offload_id, kept, rescue_copies):
                taken.append(kept.path)
        except WorkspaceError as error:
            logger.warning("%s could not be put back: %s", path, error)
    return tuple(taken)


async def put_back(history: History, offload_id: str, kept: UndoRecord, rescue_copies: RescueCopies) -> bool:
    """Take back what the offload had in place without ever having been accepted; return whether it was there.

    Where the file was changed since it is left alone. Its check may have done that, so what it held before
    is kept aside: nobody else may have it.

    Raises:
        WorkspaceError: the file cannot be written, or its old bytes cannot be kept.
        StoreError: nor can the history.
    """
    path = Path(kept.path)
    is_there = await asyncio.to_thread(atomic.digest_at, path) == kept.after_digest
    if is_there:
        await asyncio.to_thread(change.restore, path, kept.before, kept.after_digest)
        logger.warning("%s was put back: its offload had not come to its end", path)
    elif kept.before is not None and not await asyncio.to_thread(_is_as_before, kept):
        old = await asyncio.to_thread(rescue_copies.save, path.name, kept.before)
        logger.warning("%s was changed since its offload broke off; what it held before is %s", path, old)
    await history.save_undo(offload_id, None)
    return is_there


def _is_as_before(kept: UndoRecord) -> bool:
    path = Path(kept.path)
    if kept.before is None:
        return not os.path.lexists(path)
    return atomic.digest_at(path) == digest_of(kept.before)
