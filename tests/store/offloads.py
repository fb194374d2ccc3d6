"""Offload records as the pipeline writes them."""

import time
from typing import Any

from server.config.sections import LedgerSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.store.history import History
from server.store.records import (
    AttemptRecord,
    CheckRecord,
    FileRecord,
    OffloadEnd,
    OffloadStart,
    ReceiptRecord,
    TranscriptCheckRecord,
    UndoRecord,
)
from server.store.result_digests import ResultDigest
from server.store.transcript_checks import write_transcript_check

LEDGER = Ledger(LedgerSettings(), load_prices(), 0)


def start(offload_id: str, started_at: float | None = None, **changes: Any) -> OffloadStart:
    values: dict[str, Any] = {
        "tool": "offload_work",
        "task": "Write a function",
        "arguments": {"task": "Write a function", "output": "out.py"},
        "client": "claude-code",
        "session": "s1",
        "tool_use_id": f"toolu_{offload_id}",
        "project": "/home/me/project",
        "output": "out.py",
    }
    return OffloadStart(
        id=offload_id, started_at=time.time() if started_at is None else started_at, **values | changes
    )


def receipt(spared: int = 500, spent: int = 200) -> ReceiptRecord:
    return ReceiptRecord(
        family="B",
        price_model="opus-5.5",
        spared_input=spared // 2,
        spared_output=spared - spared // 2,
        spent_output=spent // 2,
        spent_input=spent - spent // 2,
        spent_share=7,
        net_tokens=spared - spent - 7,
        spared_microusd=spared * 20,
        spent_microusd=spent * 10,
        net_microusd=spared * 20 - spent * 10,
    )


def end(
    outcome: str = "delivered",
    spared: int = 500,
    spent: int = 200,
    names: tuple[str, ...] = (),
    **changes: Any,
) -> OffloadEnd:
    values: dict[str, Any] = {
        "code": "",
        "summary": "wrote out.py: +12 lines, parses",
        "model": "small",
        "backend": "embedded",
        "diff": "+def f(): ...",
        "timings": {"queue": 0.1, "generate": 2.0, "total": 2.5},
        "prompt_tokens": 300,
        "completion_tokens": 40,
        "files": tuple(FileRecord(name, "input", "ab" * 32, 1234) for name in names),
        "receipt": receipt(spared, spent),
    }
    return OffloadEnd(ended_at=time.time(), outcome=outcome, **values | changes)


def attempt(number: int = 1, answer: str = "def f(): ...") -> AttemptRecord:
    return AttemptRecord(
        number=number,
        kind="code",
        prompt=({"role": "system", "content": "You write code."}, {"role": "user", "content": "f, please"}),
        answer=answer,
        thinking="hm",
        finish_reason="stop",
        prompt_tokens=300,
        completion_tokens=40,
        checks=(CheckRecord("parses", False, "line 1: unexpected 'def'"), CheckRecord("kept", True, "")),
        timings={"began": 0.5 * number, "generate": 0.25},
    )


def audit(spared: int = 100, spent: int = 150, ending: str = "edited") -> TranscriptCheckRecord:
    return TranscriptCheckRecord(time.time(), ending, 0.5, True, receipt(spared, spent))


async def keep_audit(history: History, offload_id: str, found: TranscriptCheckRecord) -> None:
    """Write the result of a transcript check as one pass does."""
    await history.database.write(lambda connection: write_transcript_check(connection, offload_id, found))


def undo(before: bytes | None = b"old\r\n") -> UndoRecord:
    return UndoRecord("/home/me/project/out.py", before, "cd" * 32)


def digest() -> ResultDigest:
    """A digest of a tool's result that was just made."""
    return ResultDigest(
        at=time.time(),
        project="/p",
        session="s",
        tool_use_id="t",
        kind="pytest",
        source="pytest",
        source_key="a",
        facts_key="b",
        kept_path="",
        handle="h",
        characters=30_000,
        lines=900,
        whole_tokens=9_000,
        shown_tokens=9_000,
        digest_tokens=600,
        text="6 failed",
        receipt=LEDGER.digest_receipt(9_000, 600).as_record(),
    )
