"""The state of a running offload, and the recorder that writes its rows to the history."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.common.aio import run_uncancellable
from server.common.errors import InternalError, Paused, PolicyError, StoreError, TokenSaverError
from server.common.events import EventBus, OffloadEnded, OffloadQueued
from server.ledger.receipt import Ledger, Receipt
from server.ledger.seen_inputs import SeenInputs
from server.ledger.terms import Figures
from server.offload.run import history_rows
from server.offload.run.progress import Progress
from server.offload.values import (
    ERRORS,
    Attempt,
    Caller,
    Delivery,
    ItemOf,
    Outcome,
    OutcomeName,
    Source,
    Task,
    Verdict,
)
from server.store.history import History
from server.store.records import OffloadEnd, OffloadStart

logger = logging.getLogger(__name__)

GLANCE_LINES = 10
"""Maximum number of diff lines that Claude reads at a glance."""
MOST_FILES = 3
"""Number of a queued offload's inputs that the pages show by name."""


@dataclass(frozen=True)
class Texts:
    """The text for the receipt: inputs that Claude did not have to read, the text that was written (None if
    nothing was), and the text that Claude is asked to look at.
    """

    inputs: Sequence[Source] = ()
    written: str | None = None
    looked_at: str = ""


AT_ONCE = 100_000
"""Length, in characters, above which tokens are estimated in a thread instead of on the event loop (about 10
ms).
"""


@dataclass
class OffloadState:
    """The state of one offload. Only the offload's own task modifies it.

    ``remarks`` are sentences about a file that has neither its old content nor the offload's.
    """

    id: str
    task: Task
    caller: Caller
    progress: Progress
    arguments: dict[str, Any]
    began: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.monotonic)
    interactive: bool = True
    item_of: ItemOf | None = None
    sources: tuple[Source, ...] = ()
    model: str = ""
    chore_kind: str = ""
    backend: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    chosen: Attempt | None = None
    unwritten: Attempt | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    delivery: Delivery | None = None
    outcome: Outcome | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the chosen attempt, or on the last one if none was chosen."""
        attempt = self.chosen or self.attempts[-1]
        return attempt.verdict

    @property
    def elapsed(self) -> float:
        """Seconds since the offload started."""
        return time.monotonic() - self.clock

    @property
    def session(self) -> str:
        """The key of the caller's conversation. Without a session ID, each call or batch gets its own key."""
        own = self.item_of.job_id if self.item_of else self.id
        return f"{self.caller.client} {self.caller.session or own}"

    @property
    def as_called(self) -> Mapping[str, Any]:
        """The arguments as Claude wrote them."""
        return self.arguments if self.caller.arguments is None else self.caller.arguments

    @property
    def inputs(self) -> dict[tuple[Path, str, int, int], Source]:
        """The inputs, keyed by path, SHA-256 and selected span."""
        return {(each.path, each.digest, each.start, each.end): each for each in self.sources}

    def add_seconds(self, stage: str, seconds: float) -> None:
        """Add seconds to the time spent in a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """Publish the stage, and add the duration of the block to the time spent in it."""
        self.progress.stage(stage, self.model)
        began = time.monotonic()
        yield
        self.add_seconds(stage, time.monotonic() - began)


class OffloadRecorder:
    """Writes rows and receipts for offloads, and publishes when they start and end."""

    def __init__(self, history: History, ledger: Ledger, events: EventBus) -> None:
        self._history = history
        self._ledger = ledger
        self._events = events
        self._once = SeenInputs()

    async def open(self, run: OffloadState) -> None:
        """Write the row, with the cost of the call itself, before the work starts."""
        task, caller = run.task, run.caller
        self._events.publish(
            OffloadQueued(
                run.id,
                task.tool,
                task.task,
                caller.client,
                task.output or "",
                task.model or "",
                task.files[:MOST_FILES],
                run.item_of.job_id if run.item_of else "",
            )
        )
        await run_uncancellable(self._open(run), error_first=True)

    async def _open(self, run: OffloadState) -> None:
        task, caller = run.task, run.caller
        receipt = self._recorded(run, await self._receipt_of(run, Texts(), ""))
        start = OffloadStart(
            id=run.id,
            started_at=run.began,
            tool=task.tool,
            task=task.task,
            arguments=run.arguments,
            client=caller.client,
            session=caller.session,
            tool_use_id=caller.tool_use_id,
            project=str(caller.project or ""),
            output=task.output,
            receipt=receipt.as_record(),
            job_id=run.item_of.job_id if run.item_of else None,
        )
        await self._history.start(start)

    async def attempt(self, run: OffloadState, attempt: Attempt, *, last: bool = False) -> None:
        """Record one attempt. Call this again if the user's check adds to the verdict. The attempt marked
        ``last`` is written together with the end of the offload, in one transaction.
        """
        numbers = [each.number for each in run.attempts]
        if attempt.number in numbers:
            run.attempts[numbers.index(attempt.number)] = attempt
        else:
            run.attempts.append(attempt)
        run.unwritten = attempt if last else None
        if not last:
            await self._history.attempt(run.id, history_rows.attempt_record(attempt))

    def receipt(self, run: OffloadState, delivery: Delivery | None, text: str, name: OutcomeName) -> Receipt:
        """Return the receipt for an offload that ended as ``name`` with the result ``text``. Inputs that an
        earlier call already saved the session from reading are not counted again.
        """
        return self._recorded(run, self._by_claude(run, self._figures(run, delivery), text, name))

    def net_if_by_claude(self, run: OffloadState, delivery: Delivery, text: str) -> int:
        """Return the net tokens of the user's own call as if Claude had made it."""
        return self._by_claude(run, self._figures(run, delivery), text, "delivered").net_tokens

    async def close(
        self, run: OffloadState, name: OutcomeName, text: str, code: str, delivery: Delivery | None = None
    ) -> Outcome:
        """Complete the row, publish the end, and return the outcome. Cancellation takes effect only
        afterwards.

        Raises:
            StoreError: the row cannot be written. In that case the offload has not ended.
        """
        return await run_uncancellable(self._close(run, name, text, code, delivery), error_first=True)

    async def _close(
        self, run: OffloadState, name: OutcomeName, text: str, code: str, delivery: Delivery | None
    ) -> Outcome:
        text = " ".join(dict.fromkeys((text, *run.remarks)))
        counted = await self._receipt_of(run, self._figures(run, delivery), text, name)
        receipt = self._recorded(run, counted)
        if name in ("delivered", "returned"):
            self._once.add(run.session, run.inputs)
        generations = [attempt.generation for attempt in run.attempts]
        kept = name in ("delivered", "returned") and run.attempts
        notices = tuple(notice.text for notice in run.verdict.notices) if kept else ()
        strength = run.verdict.strength if kept else ""
        end = OffloadEnd(
            ended_at=time.time(),
            outcome=name,
            code=code,
            summary=text,
            model=run.model,
            backend=run.backend,
            diff=delivery.diff if delivery else "",
            timings=_timings(run),
            prompt_tokens=sum(each.prompt_tokens for each in generations),
            completion_tokens=sum(each.completion_tokens for each in generations),
            files=history_rows.file_records(run.sources, delivery),
            receipt=receipt.as_record(),
            notices=notices,
            strength=strength,
            chore_kind=run.chore_kind,
            would_save_tokens=counted.net_tokens if run.caller.by_user else 0,
            attempts=(history_rows.attempt_record(run.unwritten),) if run.unwritten else (),
        )
        outcome = Outcome(
            offload_id=run.id,
            name=name,
            text=text,
            code=code,
            net_tokens=receipt.net_tokens,
            delivery=delivery,
            attempts=tuple(run.attempts),
            notices=notices,
            strength=strength,
        )
        try:
            await self._history.finish(run.id, end)
        except (
            StoreError
        ) as error:  # without a record the offload does not count as delivered: see ``retry_finish``
            self._events.publish(OffloadEnded(run.id, "failed", str(error)[:400]))
            raise
        run.outcome = outcome
        self._events.publish(OffloadEnded(run.id, name, text[:400]))
        return outcome

    def _figures(self, run: OffloadState, delivery: Delivery | None) -> Texts:
        """Return the inputs not yet on the session's receipts, and the written text."""
        fresh = self._once.fresh(run.session, run.inputs)
        inputs = [run.inputs[each] for each in fresh]
        if delivery is None:
            return Texts(inputs)
        return Texts(inputs, written_text(delivery), looked_at(delivery, run.verdict))

    async def _receipt_of(
        self, run: OffloadState, texts: Texts, said: str, name: OutcomeName | None = None
    ) -> Receipt:
        """Return the receipt as if Claude had made the call. Long text is counted in a thread (0.1 s per
        megabyte).
        """
        passed = sum(len(each) for each in run.as_called.values() if isinstance(each, str | list))
        if passed + sum(len(each.selected) for each in texts.inputs) < AT_ONCE:
            return self._by_claude(run, texts, said, name)
        return await asyncio.to_thread(self._by_claude, run, texts, said, name)

    def _recorded(self, run: OffloadState, by_claude: Receipt) -> Receipt:
        """Return the receipt to record: the user's own calls neither save nor cost Claude anything."""
        return self._ledger.price(Figures()) if run.caller.by_user else by_claude

    def _by_claude(
        self, run: OffloadState, texts: Texts, said: str, name: OutcomeName | None = None
    ) -> Receipt:
        return self._ledger.receipt(
            run.task.tool,
            run.as_called,
            [each.selected for each in texts.inputs if each.read_as == "file"],
            texts.written,
            said,
            returned=name == "returned",
            error=name in ERRORS,
            cost=run.item_of.cost if run.item_of else None,
            logs=[each.selected for each in texts.inputs if each.read_as == "log"],
            looked_at=texts.looked_at,
        )

    async def close_failed(self, run: OffloadState, error: Exception) -> Outcome:
        """Complete the row of an offload that failed because of a known error or a bug in the app."""
        if not isinstance(error, TokenSaverError):
            logger.error("a defect of the app ended offload %s", run.id, exc_info=error)
            error = InternalError(
                f"{type(error).__name__} in the app.", "Nothing was written. The app's log has details."
            )
        if isinstance(error, Paused) and not run.interactive:
            text = f"paused: {error.cause} The batch runs this task again afterwards."
            return await self.close(run, "cancelled", text, error.code)
        denied = isinstance(error, PolicyError)
        text = error.text(for_agent=not run.caller.by_user)
        return await self.close(run, "denied" if denied else "failed", text, error.code)


def _timings(run: OffloadState) -> dict[str, float]:
    generations = [attempt.generation for attempt in run.attempts]
    return {
        "queue": run.seconds.get("queue", 0.0),
        "load": run.seconds.get("load", 0.0) + sum(each.load_seconds for each in generations),
        "prompt": sum(each.prompt_seconds for each in generations),
        "generate": sum(each.generate_seconds for each in generations),
        "check": run.seconds.get("check", 0.0),
        "write": run.seconds.get("write", 0.0),
        "total": run.elapsed,
    }


def check_folder(caller: Caller, file: Path) -> Path:
    """Return the working folder for the user's check: the project, or else the root that contains the
    file.
    """
    if caller.project is not None:
        return caller.project
    inside = [root for root in caller.roots if file.is_relative_to(root.resolve())]
    return inside[0] if inside else file.parent


def looked_at(delivery: Delivery, verdict: Verdict) -> str:
    """Return the text that the instructions ask Claude to look at, which depends on the strength and the
    notices.
    """
    if verdict.notices or verdict.strength in ("typed", "parsed", "not checked"):
        return delivery.diff
    if verdict.strength == "samples agree":
        return "\n".join(delivery.diff.split("\n")[:GLANCE_LINES])
    return ""


def written_text(delivery: Delivery) -> str:
    """Return the text that Claude would have had to write: a new file, or both sides of an edit."""
    lines = delivery.diff.split("\n")[2:]
    return "\n".join(line[1:] for line in lines if line.startswith(("+", "-")))
