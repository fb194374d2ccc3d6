"""Worked examples of corrected receipts, one for each ending, with the arithmetic written out.

Claude Opus 5.5: a 5-minute write costs 5 micro-dollars a token, a read 0.20, output 20. The session writes to
the 5-minute cache only. The call has 120 tokens and its request 12,000, so each of its turns reads 12,000
tokens of context again: 2,400. Its result has 40 tokens, and its share of the definitions is 200 tokens.

With one more turn after the call, two requests send the result: the first writes it, the second reads it. A
token in the context then costs 5 + 0.20 = 5.20, one that Claude writes 20 + 5.20 = 25.20. The definitions are
there from the first request on, and two more read them: 5 + 2 x 0.20 = 5.40.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from server.ledger.explain import receipt_text
from server.ledger.prices import load_prices, microusd
from server.ledger.receipt import Ledger
from server.ledger.tokens import estimate_call, estimate_result, estimate_tokens
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from server.store.records import ReceiptRecord, TranscriptCheckRecord
from tests.ledger.conversation import PROJECT, Conversation
from tests.ledger.transcript_checking import LINES, OFFLOAD, call, checked, record

pytestmark = pytest.mark.anyio

CONTEXT = Decimal("5.20")
WRITTEN = Decimal("25.20")
DEFINITIONS = Decimal("5.40")
TURN = 2_400
FILE = "\n".join(LINES)
OUT = f"{PROJECT}/out.py"


async def corrected(
    history: History,
    ledger: Ledger,
    check: TranscriptCheck,
    folder: Path,
    use: tuple[str, dict[str, Any], str],
) -> tuple[ReceiptRecord, TranscriptCheckRecord]:
    """Check a session with the call and one more; return the recorded receipt and the result of the check."""
    await record(history, ledger, "toolu_1")
    conversation = Conversation(folder)
    call(conversation)
    name, arguments, result = use
    conversation.use(name, arguments, result, call_tokens=200, result_tokens=150)
    conversation.end()
    found = await checked(history, check)
    detail = await history.get("a")
    assert detail is not None
    assert detail.receipt is not None
    # The recorded receipt keeps the figures of its time: 1-hour writes at the public share, 22 reads.
    assert detail.receipt.spared_turns == 2_000
    return detail.receipt, found


async def test_a_result_that_was_left_alone(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    use = ("Bash", {"command": "ls"}, "out.py")
    old, found = await corrected(history, ledger, check, tmp_path, use)
    assert found.ending == "left_alone"
    # 120 x 25.20 + 40 x 5.20 + 200 x 5.40 + 2,400 = 3,024 + 208 + 1,080 + 2,400
    assert found.receipt.spent_microusd == 6_712
    saved = old.spared_input * CONTEXT + old.spared_output * WRITTEN + 2 * TURN
    assert found.receipt.spared_microusd == microusd(saved)
    assert found.receipt.net_microusd == microusd(saved) - 6_712


async def test_a_result_that_was_read_again(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    read = round(estimate_result(FILE, "B"))
    _, found = await corrected(history, ledger, check, tmp_path, ("Read", {"file_path": OUT}, FILE))
    assert (found.ending, found.receipt.spent_input, found.receipt.spent_turns) == (
        "read_again",
        40 + read,
        2_000,
    )
    # 120 x 25.20 + (40 + read) x 5.20 + 200 x 5.40 + 2 x 2,400
    assert found.receipt.spent_microusd == microusd(3_024 + (40 + read) * CONTEXT + 1_080 + 2 * TURN)


async def test_a_result_that_was_edited(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    edit = {"file_path": OUT, "old_string": "\n".join(LINES[:3]), "new_string": "def mine(): ..."}
    written = round(estimate_call(edit, "B"))
    old, found = await corrected(history, ledger, check, tmp_path, ("Edit", edit, "ok"))
    assert (found.ending, found.survived) == ("edited", pytest.approx(0.7))
    assert found.receipt.spared_output == round(old.spared_output * 0.7)
    # (120 + the edit) x 25.20 + 40 x 5.20 + 200 x 5.40 + 2 x 2,400
    assert found.receipt.spent_microusd == microusd((120 + written) * WRITTEN + 208 + 1_080 + 2 * TURN)
    saved = old.spared_input * CONTEXT + found.receipt.spared_output * WRITTEN + 2 * TURN
    assert found.receipt.spared_microusd == microusd(saved)


async def test_a_result_that_was_rewritten(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    whole = {"file_path": OUT, "content": "def mine(): ..."}
    old, found = await corrected(history, ledger, check, tmp_path, ("Write", whole, "ok"))
    assert (found.ending, found.receipt.spared_output, found.receipt.spared_turns) == ("rewritten", 0, 1_000)
    # The input was still not read: its tokens and its turn count as saved.
    assert found.receipt.spared_microusd == microusd(old.spared_input * CONTEXT + TURN)
    assert found.receipt.spent_microusd == 6_712


async def test_an_input_that_claude_read_itself(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    source = ("Read", {"file_path": f"{PROJECT}/in.py"}, "x = 1\n" * 500)
    old, found = await corrected(history, ledger, check, tmp_path, source)
    assert (found.receipt.spared_input, found.receipt.spared_turns) == (0, 1_000)
    assert found.receipt.spared_microusd == microusd(old.spared_output * WRITTEN + TURN)
    assert found.receipt.spent_microusd == 6_712


async def test_a_returned_text_that_claude_did_not_write_again(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1", "returned", result=FILE, output=None)
    conversation = Conversation(tmp_path)
    size = round(estimate_tokens(FILE, "B"))
    conversation.use(OFFLOAD, {"task": "x"}, FILE, call_tokens=60, result_tokens=size, use_id="toolu_1")
    conversation.end()
    found = await checked(history, check)
    # One request follows, which writes the text and reads none of it: 25 a written token, 5 in the context.
    # Saved: the text that Claude need not write. Cost: the call, the text as a result, 200 x 5.20, a turn.
    assert found.receipt.spared_output == size
    assert found.receipt.spent_microusd == microusd(Decimal(60 * 25 + size * 5 + 1_040 + TURN))


async def test_the_arithmetic_of_a_corrected_receipt_names_its_session(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    _, found = await corrected(history, ledger, check, tmp_path, ("Bash", {"command": "ls"}, "out.py"))
    text = receipt_text(found.receipt, load_prices())
    for part in ("x $25.2/M", "x $5.2/M", "x $5.4/M", "x $0.002400", "-$0.003024", "1 reads of $0.20"):
        assert part in text
    assert "the session of the call itself, counted in its transcript" in text
