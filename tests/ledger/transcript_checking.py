"""Helpers for the transcript check's tests: a recorded offload, its call in a transcript, the check."""

from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from server.store.records import FileRecord, OffloadEnd, OffloadStart, TranscriptCheckRecord
from tests.ledger.conversation import PROJECT, Conversation

OFFLOAD = "mcp__token-saver__offload_work"
LINES = [f"def function_{n}(value):" for n in range(10)]
CALL = {"task": "Write ten functions", "files": ["in.py"], "output": "out.py"}
DIGEST = "Wrote out.py: +10 lines, parses. Checked by: parse."


async def record(
    history: History,
    ledger: Ledger,
    use_id: str,
    outcome: str = "delivered",
    *,
    offload_id: str = "a",
    result: str = DIGEST,
    output: str | None = "out.py",
    part: tuple[int, int] = (0, 1),
    job_id: str | None = None,
) -> None:
    """Record the offload of the call as the pipeline does."""
    text = "\n".join(LINES)
    receipt = ledger.receipt(
        "offload_work",
        CALL,
        ["x = 1\n" * 500] if outcome in ("delivered", "returned") else [],
        text if outcome == "delivered" else None,
        result,
        returned=outcome == "returned",
        cost=ledger.cost(CALL, result).part(*part),
    )
    await history.start(
        OffloadStart(
            offload_id,
            1e9,
            "offload_work",
            "t",
            dict(CALL),
            "claude-code",
            "s1",
            use_id,
            PROJECT,
            output,
            job_id=job_id,
        )
    )
    diff = "--- /dev/null\n+++ b/out.py\n@@ -0,0 +1,10 @@\n" + "".join(f"+{line}\n" for line in LINES)
    await history.finish(
        offload_id,
        OffloadEnd(
            1e9 + 5,
            outcome,
            "",
            result,
            "small",
            "embedded",
            diff if outcome == "delivered" else "",
            {"total": 5},
            300,
            90,
            (FileRecord("in.py", "input", "ab", 3000),),
            receipt.as_record(),
        ),
    )


def call(
    conversation: Conversation, use_id: str = "toolu_1", result: str = DIGEST, result_tokens: int = 40
) -> None:
    conversation.use(OFFLOAD, dict(CALL), result, call_tokens=120, result_tokens=result_tokens, use_id=use_id)


async def checked(history: History, check: TranscriptCheck, offload_id: str = "a") -> TranscriptCheckRecord:
    await check.run()
    detail = await history.get(offload_id)
    assert detail is not None
    assert detail.audit is not None
    return detail.audit
