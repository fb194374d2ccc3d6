"""The app's own records of offloads and batches, written as the pipeline writes them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.batch.cost import CallCosts
from server.common.events import EventBus
from server.ledger.receipt import Ledger
from server.offload.run.progress import Progress
from server.offload.run.recorder import OffloadRecorder, OffloadState
from server.offload.values import (
    Attempt,
    Caller,
    Delivery,
    Generation,
    ItemOf,
    OutcomeName,
    Prompt,
    Source,
    Strength,
    Task,
    Verdict,
)
from server.store.history import History
from server.store.job_records import ItemRecord, JobRecord
from server.store.job_states import JobState
from server.store.jobs import Jobs
from server.store.records import OWN_CLIENTS, ReadKind, ReceiptRecord
from tests.ledger.conversation import PROJECT

PAGE = "hello world\n" * 100
CALL = {"task": "Write it", "files": ["a.py"], "output": "b.py"}
BATCH = {"task": "Write it", "each": ["*.md"], "output": "{stem}.txt"}
REPLY = "Wrote b.py"


@dataclass(frozen=True)
class Books:
    """The real history, ledger, recorder and batch costs of one test."""

    history: History
    ledger: Ledger
    recorder: OffloadRecorder
    costs: CallCosts
    jobs: Jobs
    folder: Path

    async def end(
        self,
        name: OutcomeName,
        reply: str = REPLY,
        *,
        arguments: dict[str, Any] = CALL,
        inputs: tuple[Source, ...] = (),
        written: str = "",
        strength: Strength = "tests ran",
        offload_id: str = "a",
        client: str = "claude-code",
        item_of: ItemOf | None = None,
        ended: bool = True,
    ) -> None:
        """Record an offload as the pipeline does."""
        run = OffloadState(
            offload_id,
            Task("Write it", ("a.py",), output="b.py"),
            Caller(client, "session", Path(PROJECT), (), arguments=arguments),
            Progress(offload_id, _silent, EventBus()),
            {},
            item_of=item_of,
        )
        await self.recorder.open(run)
        run.sources = inputs
        if written:
            verdict = Verdict((), strength=strength)
            run.attempts.append(
                Attempt(
                    1, Prompt("code", (), 0, 0, 0, counted=False), Generation("", "", "stop", 1, 1), verdict
                )
            )
        if ended:
            await self.recorder.close(run, name, reply, "", delivery(written) if written else None)

    async def receipt(self, offload_id: str = "a") -> ReceiptRecord:
        """Return what the history has recorded."""
        detail = await self.history.get(offload_id)
        assert detail is not None
        assert detail.receipt is not None
        return detail.receipt

    async def batch(self, *, client: str = "claude-code") -> JobRecord:
        """Record a batch with two items and the cost of the call that started it."""
        cost = self.costs.of_call(None if client in OWN_CLIENTS else BATCH)
        job = JobRecord("j", 1e9, "Write it", client, "session", PROJECT, (), sequential=False, **vars(cost))
        await self.jobs.create(job, (ItemRecord(0, dict(CALL)), ItemRecord(1, dict(CALL))))
        return job

    async def item(
        self, job: JobRecord, number: int, name: OutcomeName = "delivered", tries: int = 1
    ) -> None:
        """Record one try of an item."""
        item_of = self.costs.of_item(job, ItemRecord(number, dict(CALL), tries=tries), 2)
        delivered = name == "delivered"
        await self.end(
            name,
            inputs=(source(PAGE, f"{number}.md"),) if delivered else (),
            written=PAGE[:-1] if delivered else "",
            offload_id=f"{number}{tries}",
            item_of=item_of,
        )

    async def end_batch(self, job: JobRecord, state: JobState = "done") -> None:
        """Answer the batch's call and divide its cost."""
        await self.costs.charge(job, self.costs.of_answer(None, REPLY))
        await self.jobs.set_state(job.id, state, "")
        await self.costs.divide(job.id)


def delivery(text: str) -> Delivery:
    """A new file with these lines."""
    lines = text.split("\n")
    added = "\n".join(f"+{line}" for line in lines)
    diff = f"--- /dev/null\n+++ b/b.md\n@@ -0,0 +1,{len(lines)} @@\n{added}"
    return Delivery(Path(PROJECT, "b.md"), "b.md", None, "ab" * 32, diff, len(lines), 0)


def source(text: str, name: str = "a.py", read_as: ReadKind = "file") -> Source:
    return Source(Path(PROJECT, name), name, text, f"hash of {name}", 0, len(text), read_as=read_as)


async def _silent(_done: float, _total: float | None, _line: str) -> None:
    return
