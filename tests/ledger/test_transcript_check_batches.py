"""Tests of the transcript check for calls that outlast a pass: running offloads, batches, questions."""

from pathlib import Path
from typing import Any

import pytest

from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from tests.ledger.conversation import PROJECT, Conversation
from tests.ledger.transcript_checking import CALL, DIGEST, LINES, OFFLOAD, call, checked, record

pytestmark = pytest.mark.anyio
BATCH = {"task": "Docstrings", "each": ["*.py"], "output": "{name}"}


def begin(conversation: Conversation, **arguments: Any) -> None:
    conversation.use(
        "mcp__token-saver__batch_offload",
        BATCH | arguments,
        "Job j1 is running.",
        call_tokens=111,
        result_tokens=41,
        use_id="toolu_1",
    )


async def test_a_batch_shares_its_call(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    for number in range(40):
        await record(
            history, ledger, "toolu_1", offload_id=f"a{number}", output=f"out{number}.py", part=(number, 40)
        )
    conversation = Conversation(tmp_path)
    begin(conversation)
    conversation.end()
    await check.run()
    found = [await checked(history, check, f"a{number}") for number in range(40)]
    assert sum(each.receipt.spent_output for each in found) == 111
    assert sum(each.receipt.spent_input for each in found) == 41
    assert sum(each.receipt.spent_share for each in found) == 200


async def test_an_offload_that_ran_during_a_pass_is_found_by_a_later_one(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    use = {"type": "tool_use", "id": "toolu_1", "name": OFFLOAD, "input": CALL}
    conversation.answer([use], 120)
    await check.run()
    assert (await check.report()).unmatched == 0  # not answered yet
    await record(history, ledger, "toolu_1")
    conversation.results([("toolu_1", DIGEST)], 40)
    conversation.end()

    found = await checked(history, check)

    assert (found.ending, found.measured) == ("left_alone", True)
    assert (found.receipt.spent_output, found.receipt.spent_input) == (120, 40)
    assert (await check.report()).unmatched == 0


async def test_items_that_end_after_a_pass_share_the_cost_of_questions(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    begin(conversation, wait=False)
    await record(history, ledger, "toolu_1", offload_id="a0", output="out0.py", job_id="j1")
    conversation.end()
    first = await checked(history, check, "a0")
    assert (first.receipt.spent_output, first.receipt.spent_input) == (111, 41)

    await record(history, ledger, "toolu_1", offload_id="a1", output="out1.py", job_id="j1")
    check_job = "mcp__token-saver__check_job"
    conversation.use(check_job, {"job": "j1", "wait": 300}, "2 of 2 done.", call_tokens=60, result_tokens=33)
    conversation.use(check_job, {"job": "j2"}, "1 of 2 done.", call_tokens=900, result_tokens=900)
    conversation.read(f"{PROJECT}/out1.py", "\n".join(LINES), 150)
    conversation.end()

    found = [await checked(history, check, f"a{number}") for number in range(2)]

    assert [each.ending for each in found] == ["left_alone", "read_again"]
    assert sum(each.receipt.spent_output for each in found) == 111 + 60
    assert found[0].receipt.spent_input == (41 + 33) // 2
    assert found[1].receipt.spent_input > 100
    report = await check.report()
    assert (report.our_calls, report.unmatched, report.endings) == (1, 0, {"left_alone": 1, "read_again": 1})
    assert await check.run() == 0


async def test_another_family_of_models_counts_in_its_own_tokens(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    """The receipt is for Claude Opus 5.5; Opus 4.5 made the call, and its family counts three quarters."""
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path, model="claude-opus-4-5-20251101")
    call(conversation)
    conversation.end()
    found = await checked(history, check)
    detail = await history.get("a")
    assert detail is not None
    assert detail.receipt is not None
    assert (detail.receipt.family, found.receipt.family, found.receipt.price_model) == ("B", "A", "opus-4.5")
    assert found.receipt.spared_input == round(detail.receipt.spared_input / 1.33)
    assert found.receipt.spared_output == round(detail.receipt.spared_output / 1.33)
    assert found.receipt.spent_share == 150  # 200 / 1.33
    # 5-minute writes at 6.25; nothing read the result, one request the definitions; 12,000 tokens of context:
    # 120 x 31.25 + 40 x 6.25 + 150 x 6.75 + 12,000 x 0.50 = 11,012.50
    assert found.receipt.spent_microusd == 11_013
