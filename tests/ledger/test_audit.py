"""An audit over transcripts written by hand: every call, true sizes, each ending, and odd files."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.ledger.audit import Audit
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.settings import LedgerSettings, SavingsSettings
from server.store.history import History
from server.store.records import AuditRecord, FileRecord, OffloadEnd, OffloadStart
from tests.ledger.conversation import PROJECT, Conversation

pytestmark = pytest.mark.anyio

OFFLOAD = "mcp__token-saver__offload_work"
LINES = [f"def function_{n}(value):" for n in range(10)]
CALL = {"task": "Write ten functions", "files": ["in.py"], "output": "out.py"}
DIGEST = "Wrote out.py: +10 lines, parses. Checked by: parse."


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    opened = await History.open(tmp_path / "history.db")
    yield opened
    await opened.close()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(LedgerSettings(model="claude-opus-5.5"), load_prices(), definitions_tokens=1000)


@pytest.fixture
def audit(history: History, ledger: Ledger, tmp_path: Path) -> Audit:
    return Audit(SavingsSettings(audit=True, transcripts=str(tmp_path)), history.database, ledger)


async def book(
    history: History,
    ledger: Ledger,
    use_id: str,
    outcome: str = "delivered",
    *,
    offload_id: str = "a",
    result: str = DIGEST,
    output: str | None = "out.py",
    part: tuple[int, int] = (0, 1),
) -> None:
    """What the pipeline records of the call."""
    text = "\n".join(LINES)
    receipt = ledger.book(
        "offload_work",
        CALL,
        ["x = 1\n" * 500] if outcome in ("delivered", "returned") else [],
        text if outcome == "delivered" else None,
        result,
        returned=outcome == "returned",
        part=part,
    )
    await history.start(
        OffloadStart(
            offload_id, 1e9, "offload_work", "t", dict(CALL), "claude-code", "s1", use_id, PROJECT, output
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


def call(conversation: Conversation, use_id: str = "toolu_1", result: str = DIGEST) -> None:
    conversation.use(OFFLOAD, dict(CALL), result, call_tokens=120, result_tokens=40, use_id=use_id)


async def audited(history: History, audit: Audit, offload_id: str = "a") -> AuditRecord:
    await audit.run()
    detail = await history.get(offload_id)
    assert detail is not None
    assert detail.audit is not None
    return detail.audit


async def test_left_alone_costs_what_the_api_counted(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.end()

    found = await audited(history, audit)
    detail = await history.get("a")

    assert detail is not None
    assert detail.receipt is not None
    assert (found.ending, found.survived, found.measured) == ("left_alone", 1.0, True)
    assert (found.receipt.spent_output, found.receipt.spent_input) == (120, 40)
    assert found.receipt.spared_input == detail.receipt.spared_input
    assert found.receipt.spared_output == detail.receipt.spared_output
    # 20 for a token written, 7 for one in the context, 9 for the definitions' share of 200
    assert found.receipt.spent_microusd == 120 * 20 + 40 * 7 + 200 * 9
    assert detail.receipt.spent_output != 120  # the estimate is kept beside it
    assert detail.row.audited_net_tokens == found.receipt.net_tokens


async def test_read_again_costs_the_reading(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.read(f"{PROJECT}/out.py", "\n".join(LINES), 150)
    conversation.end()

    found = await audited(history, audit)

    assert found.ending == "read_again"
    assert found.receipt.spent_input > 40 + 100
    assert found.receipt.spared_output > 0


async def test_printing_the_file_in_a_shell_is_reading_it(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.use(
        "Bash", {"command": "cat out.py | wc -l"}, "\n".join(LINES), call_tokens=60, result_tokens=90
    )
    conversation.end()
    assert (await audited(history, audit)).ending == "read_again"


async def test_edited_tells_how_much_survived(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {
        "file_path": f"{PROJECT}/out.py",
        "old_string": "\n".join(LINES[:4]),
        "new_string": "\n".join([LINES[0], "def other():", "    pass"]),
    }
    conversation.use("Edit", edit, "ok", call_tokens=200, result_tokens=20)
    conversation.end()

    found = await audited(history, audit)
    detail = await history.get("a")

    assert detail is not None
    assert detail.receipt is not None
    assert found.ending == "edited"
    assert found.survived == pytest.approx(0.7)  # the first line of four stayed
    assert found.receipt.spared_output == round(detail.receipt.spared_output * 0.7)
    assert found.receipt.spent_output > 120 + 50


async def test_an_edit_within_a_line_changes_that_line(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": "function_3(", "new_string": "third("}
    conversation.use("Edit", edit, "ok", call_tokens=90, result_tokens=20)
    conversation.end()
    found = await audited(history, audit)
    assert (found.ending, found.survived) == ("edited", pytest.approx(0.9))


async def test_an_edit_elsewhere_in_the_file_is_no_correction(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": "import os", "new_string": "import sys"}
    conversation.use("Edit", edit, "ok", call_tokens=90, result_tokens=20)
    conversation.end()
    found = await audited(history, audit)
    assert (found.ending, found.survived) == ("left_alone", 1.0)


async def test_an_edit_that_failed_changed_nothing(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": "\n".join(LINES), "new_string": ""}
    conversation.use("Edit", edit, "String not found", call_tokens=150, result_tokens=20, error=True)
    conversation.end()
    assert (await audited(history, audit)).ending == "left_alone"


async def test_rewritten_spared_nothing(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
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

    found = await audited(history, audit)

    assert found.ending == "rewritten"
    assert found.survived == pytest.approx(0.5)
    assert found.receipt.spared_output == 0


async def test_without_contents_an_edit_is_weighed_by_its_tokens(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    history.contents = False
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": "\n".join(LINES[:5]), "new_string": "x"}
    conversation.use("Edit", edit, "ok", call_tokens=200, result_tokens=20)
    conversation.end()

    found = await audited(history, audit)
    detail = await history.get("a")

    assert detail is not None
    assert detail.receipt is not None
    assert (found.ending, found.survived) == ("edited", None)
    assert found.receipt.spared_output == pytest.approx(detail.receipt.spared_output / 2, rel=0.1)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_input_that_claude_read_itself_was_not_spared(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path, when: str
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    if when == "before":
        conversation.read(f"{PROJECT}/in.py", "x = 1\n" * 500, 1500)
    call(conversation)
    if when == "after":
        conversation.read(f"{PROJECT}/in.py", "x = 1\n" * 500, 1500)
    conversation.end()
    found = await audited(history, audit)
    assert (found.ending, found.receipt.spared_input) == ("left_alone", 0)


async def test_returned_text_spared_what_was_not_written_again(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    text = "\n".join(LINES)
    for number in (1, 2):
        await book(
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

    used = await audited(history, audit, "a1")
    copied = await audited(history, audit, "a2")

    assert (used.ending, used.receipt.spared_output) == ("left_alone", 140)
    assert (copied.ending, copied.receipt.spared_output) == ("rewritten", 0)


async def test_a_failed_call_costs_in_full(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1", "handed_back")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.end()
    found = await audited(history, audit)
    assert found.ending == "nothing_delivered"
    assert found.receipt.net_tokens == -(120 + 40 + 200)


async def test_every_call_is_found_under_any_name(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    names = [OFFLOAD, "mcp__plugin_saver_token-saver__offload_work", "mcp__my-own-name__offload_work"]
    conversation = Conversation(tmp_path)
    for number, name in enumerate(names):
        await book(history, ledger, f"toolu_{number}", offload_id=f"a{number}", output=f"out{number}.py")
        conversation.use(
            name, dict(CALL), DIGEST, call_tokens=120, result_tokens=40, use_id=f"toolu_{number}"
        )
    conversation.use(OFFLOAD, dict(CALL), DIGEST, call_tokens=120, result_tokens=40, use_id="toolu_elsewhere")
    conversation.end()

    await audit.run()
    report = await audit.report()

    assert report.endings == {"left_alone": 3}
    assert (report.our_calls, report.unmatched) == (4, 1)
    assert (await history.totals()).audited == 3


async def test_results_that_share_a_turn_share_its_size(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    uses = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": OFFLOAD, "input": CALL | {"output": f"out{n}.py"}}
        for n in range(2)
    ]
    for number in range(2):
        await book(history, ledger, f"toolu_{number}", offload_id=f"a{number}", output=f"out{number}.py")
    conversation.answer(uses, 250)
    conversation.results([("toolu_0", DIGEST), ("toolu_1", DIGEST)], 90)
    conversation.end()

    first, second = await audited(history, audit, "a0"), await audited(history, audit, "a1")

    assert first.measured
    assert (first.receipt.spent_output, second.receipt.spent_output) == (125, 125)
    assert (first.receipt.spent_input, second.receipt.spent_input) == (45, 45)


async def test_a_batch_shares_its_call(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    for number in range(40):
        await book(
            history, ledger, "toolu_1", offload_id=f"a{number}", output=f"out{number}.py", part=(number, 40)
        )
    conversation = Conversation(tmp_path)
    batch = {"task": "Docstrings", "each": ["*.py"], "output": "{name}"}
    conversation.use(
        "mcp__token-saver__batch_offload", batch, DIGEST, call_tokens=111, result_tokens=41, use_id="toolu_1"
    )
    conversation.end()
    await audit.run()
    found = [await audited(history, audit, f"a{number}") for number in range(40)]
    assert sum(each.receipt.spent_output for each in found) == 111
    assert sum(each.receipt.spent_input for each in found) == 41


async def test_hidden_thinking_leaves_the_estimate(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    thinking = {"type": "thinking", "thinking": "", "signature": "x"}
    conversation.answer(
        [thinking, {"type": "tool_use", "id": "toolu_1", "name": OFFLOAD, "input": CALL}], 900
    )
    conversation.results([("toolu_1", DIGEST)], 40)
    conversation.end()

    found = await audited(history, audit)
    detail = await history.get("a")

    assert detail is not None
    assert detail.receipt is not None
    assert not found.measured
    assert found.receipt.spent_output == detail.receipt.spent_output
    assert found.receipt.spent_input == 40


async def test_cut_repeated_and_unknown_lines_do_no_harm(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    conversation.write_text('{"type":"assistant","message":{"id":"msg_cut","con\n')
    conversation.write_text("\n\x00\x00\n[1, 2]\n{}\n" + '{"type":"user"}\n{"type":"user","message":7}\n')
    conversation.write({"type": "a-kind-from-the-future", "message": {"content": [{"type": "hologram"}]}})
    conversation.write({"type": "assistant", "message": {"id": 5, "usage": None, "content": "x"}})
    conversation.write({"type": "assistant", "message": {"id": "m", "usage": {"input_tokens": "many"}}})
    conversation.write({"type": "user", "message": {"content": [{"type": "tool_result", "content": [3]}]}})
    call(conversation)
    conversation.read(f"{PROJECT}/out.py", "\n".join(LINES), 150)
    # A resumed session repeats what was there.
    repeated = conversation.path.read_text()
    conversation.end()
    conversation.write_text(repeated)

    found = await audited(history, audit)
    report = await audit.report()

    assert found.ending == "read_again"
    assert found.receipt.spent_input < 40 + 200  # read once, not twice
    assert report.our_calls == 1
    assert report.broken_lines >= 1


async def test_a_transcript_that_grows_is_read_on(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.end()
    assert await audit.run() == 1
    assert await audit.run() == 0

    whole = json.dumps({"type": "user", "message": {"role": "user", "content": "x"}}) + "\n"
    conversation.write_text(whole[:20])  # still being written
    await audit.run()
    conversation.write_text(whole[20:])
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": LINES[0], "new_string": "pass"}
    conversation.use("Edit", edit, "ok", call_tokens=100, result_tokens=20)
    found = await audited(history, audit)
    report = await audit.report()

    assert (found.ending, found.survived) == ("edited", pytest.approx(0.9))
    assert (report.our_calls, report.broken_lines, report.transcripts) == (1, 0, 1)


async def test_a_transcript_that_was_replaced_is_read_anew(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.end()
    await audit.run()
    conversation.path.write_text("{}\n")
    await audit.run()
    assert (await audit.report()).our_calls == 0


async def test_subagents_are_followed_apart(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    """Their requests have prompts of their own: mixed up, no size would be right."""
    await book(history, ledger, "toolu_1")
    main, side = Conversation(tmp_path), Conversation(tmp_path, "other")
    side.prompt = 3_000
    main.answer([{"type": "tool_use", "id": "toolu_1", "name": OFFLOAD, "input": CALL}], 120)
    side.answer([{"type": "text", "text": "meanwhile"}], 5)
    main.write(json.loads(side.path.read_text().splitlines()[-1]) | {"isSidechain": True})
    side.path.unlink()
    main.results([("toolu_1", DIGEST)], 40)
    main.end()
    found = await audited(history, audit)
    assert (found.measured, found.receipt.spent_input) == (True, 40)


async def test_a_file_offloaded_again_belongs_to_the_later_offload(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    for number in range(2):
        await book(history, ledger, f"toolu_{number}", offload_id=f"a{number}")
        call(conversation, f"toolu_{number}")
    conversation.read(f"{PROJECT}/out.py", "\n".join(LINES), 150)
    conversation.end()
    assert (await audited(history, audit, "a0")).ending == "left_alone"
    assert (await audited(history, audit, "a1")).ending == "read_again"


async def test_nothing_is_read_until_the_user_agrees(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    assert SavingsSettings().audit is False
    await book(history, ledger, "toolu_1")
    call(Conversation(tmp_path))
    audit.settings = audit.settings.model_copy(update={"audit": False})
    assert await audit.run() == 0
    assert (await audit.report()).transcripts == 0


async def test_transcripts_are_only_read(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.path.chmod(0o444)
    before = (conversation.path.read_bytes(), conversation.path.stat().st_mtime_ns)
    folder = conversation.path.parent
    await audit.run()
    assert (conversation.path.read_bytes(), conversation.path.stat().st_mtime_ns) == before
    assert list(folder.iterdir()) == [conversation.path]


async def test_a_folder_that_is_not_there_is_empty(history: History, ledger: Ledger, tmp_path: Path) -> None:
    settings = SavingsSettings(audit=True, transcripts=str(tmp_path / "nowhere"))
    assert await Audit(settings, history.database, ledger).run() == 0


async def test_the_estimators_error_is_measured(
    history: History, ledger: Ledger, audit: Audit, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    for number in range(200):
        # words 300 x 0.2742 + letters 1,200 x 0.2787 + newlines 300 x 1.0029 + result 6.1768 = 723.7
        conversation.use(
            "Bash", {"command": f"echo {number}"}, "word\n" * 300, call_tokens=50, result_tokens=700
        )
    conversation.end()
    await audit.run()
    accuracy = (await audit.report()).accuracy["B"]
    assert accuracy.items > 5
    assert accuracy.median == pytest.approx(723.7 / 700 - 1, abs=0.003)


async def test_missed_chances(history: History, ledger: Ledger, audit: Audit, tmp_path: Path) -> None:
    await book(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    large = "some words in a line\n" * 1000  # 21,000 characters, some 10,000 tokens
    conversation.read(f"{PROJECT}/log.txt", large, 9_000)
    conversation.read(f"{PROJECT}/edited.py", large, 9_000)
    edit = {"file_path": f"{PROJECT}/edited.py", "old_string": "some", "new_string": "any"}
    conversation.use("Edit", edit, "ok", call_tokens=90, result_tokens=20)
    conversation.use("Bash", {"command": "make"}, large, call_tokens=60, result_tokens=9_000)
    conversation.use("Bash", {"command": "ls"}, "a b c", call_tokens=60, result_tokens=20)
    tests = {"file_path": f"{PROJECT}/test_x.py", "content": "assert something == 1\n" * 100}
    conversation.use("Write", tests, "ok", call_tokens=900, result_tokens=20)
    conversation.end()

    await audit.run()
    chances = (await audit.report()).chances

    assert {each.kind: each.count for each in chances.missed} == {
        "large files read": 1,
        "command output": 1,
        "files written": 1,
    }
    assert chances.missed[0].tokens == 10_000
    assert chances.rate == pytest.approx(1 / 4)
    assert "compress_context" in chances.advice
