"""After a crash or a cancellation: settle what was in flight, each by what its offload left behind."""

import hashlib
from dataclasses import replace
from pathlib import Path

from server.common.errors import WriteFailed
from server.store.history import History
from server.store.job_records import ItemRecord
from server.store.jobs import Jobs
from server.store.records import OffloadDetail


async def settle_interrupted(job_id: str, jobs: Jobs, history: History) -> None:
    """Settle or release every item of the job that is marked ``running`` though nothing runs.

    An item whose offload has its end in the history is settled by that. Every other one goes back to waiting:
    its file is the old one, for what an offload without its end had in place was put back before
    (``undo.recover``, ``Offloader.settled``). One whose file could not be put back has failed: to do it again
    would edit the file twice.
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
    if row.outcome in {"delivered", "returned", "handed_back", "failed", "denied"}:
        return replace(
            item,
            state=row.outcome,
            code=row.code or row.outcome,
            summary=row.summary,
            tokens=row.prompt_tokens + row.completion_tokens,
            net_tokens=row.net_tokens,
            seconds=row.seconds,
        )
    if detail.undo is not None and _digest(Path(detail.undo.path)) == detail.undo.after_digest:
        summary = (
            f"{detail.undo.path} could not be put back as it was: it holds a result that was not accepted."
        )
        return replace(item, state="failed", code=WriteFailed.code, summary=summary)
    return None


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
