"""Tests of the transcript check on hand-written transcripts: calls, true sizes, endings, unusual files."""

from pathlib import Path

import pytest

from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from tests.ledger.conversation import PROJECT, Conversation
from tests.ledger.transcript_checking import LINES, OFFLOAD, call, checked, record

pytestmark = pytest.mark.anyio


async def test_left_alone_costs_what_the_api_counted(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.end()

    found = await checked(history, check)
    detail = await history.get("a")

    assert detail is not None
    assert detail.receipt is not None
    assert (found.ending, found.survived, found.measured) == ("left_alone", 1.0, True)
    assert (found.receipt.spent_output, found.receipt.spent_input) == (120, 40)
    assert found.receipt.spared_input == detail.receipt.spared_input
    assert found.receipt.spared_output == detail.receipt.spared_output
    # The session wrote to the 5-minute cache; one request followed the call and wrote its result, none read
    # it: (20 + 5) a written token, 5 a context token, 5 + 1 x 0.20 a token of the definitions' share of 200,
    # and a turn that reads 12,000 tokens of context: 120 x 25 + 40 x 5 + 200 x 5.20 + 12,000 x 0.20
    assert found.receipt.spent_microusd == 3_000 + 200 + 1_040 + 2_400
    assert detail.receipt.spent_output != 120  # the estimate is kept as well
    assert detail.row.audited_net_tokens == found.receipt.net_tokens


async def test_read_again_costs_the_reading(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.read(f"{PROJECT}/out.py", "\n".join(LINES), 150)
    conversation.end()

    found = await checked(history, check)

    assert found.ending == "read_again"
    assert found.receipt.spent_input > 40 + 100
    assert found.receipt.spared_output > 0


async def test_printing_the_file_in_a_shell_is_reading_it(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.use(
        "Bash", {"command": "cat out.py | wc -l"}, "\n".join(LINES), call_tokens=60, result_tokens=90
    )
    conversation.end()
    assert (await checked(history, check)).ending == "read_again"


async def test_an_edit_reduces_the_savings_to_the_surviving_lines(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {
        "file_path": f"{PROJECT}/out.py",
        "old_string": "\n".join(LINES[:4]),
        "new_string": "\n".join([LINES[0], "def other():", "    pass"]),
    }
    conversation.use("Edit", edit, "ok", call_tokens=200, result_tokens=20)
    conversation.end()

    found = await checked(history, check)
    detail = await history.get("a")

    assert detail is not None
    assert detail.receipt is not None
    assert found.ending == "edited"
    assert found.survived == pytest.approx(0.7)  # the first line of four stayed
    assert found.receipt.spared_output == round(detail.receipt.spared_output * 0.7)
    assert found.receipt.spent_output > 120 + 50


async def test_an_edit_within_a_line_changes_that_line(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": "function_3(", "new_string": "third("}
    conversation.use("Edit", edit, "ok", call_tokens=90, result_tokens=20)
    conversation.end()
    found = await checked(history, check)
    assert (found.ending, found.survived) == ("edited", pytest.approx(0.9))


async def test_an_edit_of_other_lines_is_not_a_correction(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": "import os", "new_string": "import sys"}
    conversation.use("Edit", edit, "ok", call_tokens=90, result_tokens=20)
    conversation.end()
    found = await checked(history, check)
    assert (found.ending, found.survived) == ("left_alone", 1.0)


async def test_an_edit_that_failed_changed_nothing(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": "\n".join(LINES), "new_string": ""}
    conversation.use("Edit", edit, "String not found", call_tokens=150, result_tokens=20, error=True)
    conversation.end()
    assert (await checked(history, check)).ending == "left_alone"


async def test_a_rewritten_file_saved_nothing(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    content = "\n".join([*LINES[:5], "def mine(): ..."])
    conversation.use(
        "Write",
        {"file_path": f"{PROJECT}/out.py", "content": content},
        "ok",
        call_tokens=180,
        result_tokens=20,
    )
    conversation.end()

    found = await checked(history, check)

    assert found.ending == "rewritten"
    assert found.survived == pytest.approx(0.5)
    assert found.receipt.spared_output == 0


async def test_without_contents_an_edit_counts_by_its_tokens(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    history.contents = False
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": "\n".join(LINES[:5]), "new_string": "x"}
    conversation.use("Edit", edit, "ok", call_tokens=200, result_tokens=20)
    conversation.end()

    found = await checked(history, check)
    detail = await history.get("a")

    assert detail is not None
    assert detail.receipt is not None
    assert (found.ending, found.survived) == ("edited", None)
    assert found.receipt.spared_output == pytest.approx(detail.receipt.spared_output / 2, rel=0.1)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_input_that_claude_read_was_not_saved(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path, when: str
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    if when == "before":
        conversation.read(f"{PROJECT}/in.py", "x = 1\n" * 500, 1500)
    call(conversation)
    if when == "after":
        conversation.read(f"{PROJECT}/in.py", "x = 1\n" * 500, 1500)
    conversation.end()
    found = await checked(history, check)
    assert (found.ending, found.receipt.spared_input) == ("left_alone", 0)


async def test_returned_text_saved_only_lines_not_written_again(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    text = "\n".join(LINES)
    for number in (1, 2):
        await record(
            history, ledger, f"toolu_{number}", "returned", offload_id=f"a{number}", result=text, output=None
        )
    for number in (1, 2):
        conversation = Conversation(tmp_path, f"s{number}")
        conversation.use(
            OFFLOAD, {"task": "x"}, text, call_tokens=60, result_tokens=140, use_id=f"toolu_{number}"
        )
        if number == 2:
            content = {"file_path": "/elsewhere.py", "content": text}
            conversation.use("Write", content, "ok", call_tokens=180, result_tokens=20)
        conversation.end()

    used = await checked(history, check, "a1")
    copied = await checked(history, check, "a2")

    assert (used.ending, used.receipt.spared_output) == ("left_alone", 140)
    assert (copied.ending, copied.receipt.spared_output) == ("rewritten", 0)


async def test_a_failed_call_costs_in_full(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1", "handed_back")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.end()
    found = await checked(history, check)
    assert found.ending == "nothing_delivered"
    assert found.receipt.net_tokens == -(120 + 40 + 200)
