"""Recovers items that were running when the app crashed or their job was stopped.

``offload/delivery/crash_recovery.py`` restores the files of interrupted offloads, including offloads outside
batches.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from server.common.errors import WriteFailed
from server.store.history import History
from server.store.job_records import ItemRecord
from server.store.job_states import ENDED
from server.store.jobs import Jobs
from server.store.records import OffloadDetail


async def settle_interrupted(job_id: str, jobs: Jobs, history: History) -> None:
    """Finish or requeue every item of the job that is still marked ``running``.

    If the history shows that an item's offload ended, the item gets that result. Any other item is requeued:
    its file has its old contents, because the unfinished offload was already rolled back
    (``crash_recovery.recover``, ``Offloader.settled``). If the file could not be rolled back, the item fails,
    because a second run would edit the file twice.
    """
    for item in await jobs.running_items(job_id):
        detail = await history.get(item.offload_id) if item.offload_id else None
        settled = _settled(item, detail) if detail else None
        if settled is None:
            await jobs.requeue(job_id, item.position)
        else:
            await jobs.finish_item(job_id, settled)


def _settled(item: ItemRecord, detail: OffloadDetail) -> ItemRecord | None:
    row = detail.row
    # A cancelled offload says nothing about its item, because the hub may have been closing.
    state = next((each for each in ENDED - {"cancelled"} if each == row.outcome), None)
    if state is not None:
        return replace(
            item,
            state=state,
            code=row.code or state,
            summary=row.summary,
            tokens=row.prompt_tokens + row.completion_tokens,
            net_tokens=row.net_tokens,
            seconds=row.seconds,
        )
    if detail.undo is not None and _sha256(Path(detail.undo.path)) == detail.undo.after_digest:
        summary = f"{detail.undo.path} could not be restored; it contains a result that was not accepted."
        return replace(item, state="failed", code=WriteFailed.code, summary=summary)
    return None


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
