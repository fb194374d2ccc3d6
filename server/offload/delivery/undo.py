"""Undoing a delivered offload. ``crash_recovery`` reverts the writes of interrupted ones."""

import asyncio
import os
from pathlib import Path

from server.common.errors import FileChanged, NotFound
from server.common.events import EventBus, OffloadUndone
from server.offload.delivery import atomic, change
from server.offload.files.workspace import digest_of
from server.store.history import History
from server.store.records import UndoRecord


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
        raise NotFound(f"Offload {offload_id} did not write any file.", "There is nothing to undo.")
    path = Path(kept.path)
    if await asyncio.to_thread(atomic.digest_at, path) == kept.after_digest:
        await asyncio.to_thread(change.restore, path, kept.before, kept.after_digest)
    elif not await asyncio.to_thread(
        is_as_before, kept
    ):  # reverted by hand, or by an undo that was not recorded
        raise FileChanged(
            f"{path} was changed after offload {offload_id} wrote it, so it was not restored.",
            "Take the old text from the diff in the history.",
        )
    await history.mark_undone(offload_id)
    text = f"{path} is restored." if kept.before is not None else f"{path} was removed."
    events.publish(OffloadUndone(offload_id, text))
    return text


def is_as_before(kept: UndoRecord) -> bool:
    """Return whether the file has the content that it had before the offload. Blocks."""
    path = Path(kept.path)
    if kept.before is None:
        return not os.path.lexists(path)
    return atomic.digest_at(path) == digest_of(kept.before)


def is_changed(kept: UndoRecord) -> bool:
    """Return whether the file was changed after the offload wrote it, so an undo refuses. Blocks."""
    return atomic.digest_at(Path(kept.path)) != kept.after_digest and not is_as_before(kept)
