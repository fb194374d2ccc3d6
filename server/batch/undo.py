"""Undoes a batch by restoring every file it wrote, unless the file has changed since."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.common.errors import BadArguments, Denied, FileChanged, NotFound, WorkspaceError
from server.offload.pipeline import Offloader
from server.store.history import History

if TYPE_CHECKING:
    from server.batch.service import BatchService

MOST_NAMED = 10
"""Maximum number of files named in the text. The rest are only counted."""


@dataclass(frozen=True)
class UndoneBatch:
    """The result of an undo: the restored paths and, for every other file, why it was not restored."""

    job_id: str
    restored: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def text(self) -> str:
        """The result as text."""
        files = "file" if len(self.restored) == 1 else "files"
        lines = [f"Batch {self.job_id}: {len(self.restored):,} {files} restored."]
        if self.left:
            lines[0] += f" {len(self.left):,} not restored:"
            lines += [f"- {reason}" for reason in self.left[:MOST_NAMED]]
        if len(self.left) > MOST_NAMED:
            lines.append(f"… and {len(self.left) - MOST_NAMED:,} more")
        return "\n".join(lines)


async def undo_batch(
    batches: "BatchService", history: History, offloader: Offloader, job_id: str, *, by_user: bool = True
) -> UndoneBatch:
    """Undo the batch's offloads, last one first, because a sequence can write the same file several times.

    Raises:
        NotFound: the batch does not exist, or has nothing to undo.
        BadArguments: the batch is running.
        Denied: an agent asks, and the user started the batch.
    """
    job = await batches.get(job_id)
    if job.by_user and not by_user:
        raise own_work(job_id)
    if job.state == "running":
        raise BadArguments(f"Batch {job_id} is running.", "Pause or cancel the batch, then undo it.")
    written = await history.undoable(job_id)
    if not written:
        raise NotFound(f"Batch {job_id} has nothing to undo.", "It wrote no files, or was already undone.")
    restored, left = dict[str, None](), list[str]()
    for offload_id, path in written:
        try:
            await offloader.undo(offload_id)
        except (FileChanged, WorkspaceError, NotFound) as error:
            left.append(error.cause)
        else:
            restored[path] = None
    return UndoneBatch(job_id, tuple(restored), tuple(left))


def own_work(given: str) -> Denied:
    """Return the error to raise when an agent asks to undo the user's own work."""
    return Denied(
        f"The user started {given} without Claude.", f"`token-saver undo {given}` undoes it.", "Ask the user."
    )
