"""Tests of the transcript check's reading: server names, growth, damaged lines, missed savings."""

import json
from pathlib import Path

import pytest

from server.config.sections import SavingsSettings
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from tests.ledger.conversation import PROJECT, Conversation
from tests.ledger.transcript_checking import CALL, DIGEST, LINES, OFFLOAD, call, checked, record

pytestmark = pytest.mark.anyio


async def test_every_call_is_found_under_any_name(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    names = [OFFLOAD, "mcp__plugin_saver_token-saver__offload_work", "mcp__my-own-name__offload_work"]
    conversation = Conversation(tmp_path)
    for number, name in enumerate(names):
        await record(history, ledger, f"toolu_{number}", offload_id=f"a{number}", output=f"out{number}.py")
        conversation.use(
            name, dict(CALL), DIGEST, call_tokens=120, result_tokens=40, use_id=f"toolu_{number}"
        )
    conversation.use(OFFLOAD, dict(CALL), DIGEST, call_tokens=120, result_tokens=40, use_id="toolu_elsewhere")
    conversation.end()

    await check.run()
    report = await check.report()

    assert report.endings == {"left_alone": 3}
    assert (report.our_calls, report.unmatched) == (4, 1)
    assert (await history.totals()).audited == 3


async def test_results_that_share_a_turn_share_its_size(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    uses = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": OFFLOAD, "input": CALL | {"output": f"out{n}.py"}}
        for n in range(2)
    ]
    for number in range(2):
        await record(history, ledger, f"toolu_{number}", offload_id=f"a{number}", output=f"out{number}.py")
    conversation.answer(uses, 250)
    conversation.results([("toolu_0", DIGEST), ("toolu_1", DIGEST)], 90)
    conversation.end()

    first, second = await checked(history, check, "a0"), await checked(history, check, "a1")

    assert first.measured
    assert (first.receipt.spent_output, second.receipt.spent_output) == (125, 125)
    assert (first.receipt.spent_input, second.receipt.spent_input) == (45, 45)


async def test_hidden_thinking_keeps_the_estimate(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    thinking = {"type": "thinking", "thinking": "", "signature": "x"}
    conversation.answer(
        [thinking, {"type": "tool_use", "id": "toolu_1", "name": OFFLOAD, "input": CALL}], 900
    )
    conversation.results([("toolu_1", DIGEST)], 40)
    conversation.end()

    found = await checked(history, check)
    detail = await history.get("a")

    assert detail is not None
    assert detail.receipt is not None
    assert not found.measured
    assert found.receipt.spent_output == detail.receipt.spent_output
    assert found.receipt.spent_input == 40


async def test_damaged_repeated_and_unknown_lines_are_ignored(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    conversation.write_text('{"type":"assistant","message":{"id":"msg_cut","con\n')
    conversation.write_text("\n\x00\x00\n[1, 2]\n{}\n" + '{"type":"user"}\n{"type":"user","message":7}\n')
    conversation.write({"type": "a-kind-from-the-future", "message": {"content": [{"type": "hologram"}]}})
    conversation.write({"type": "assistant", "message": {"id": 5, "usage": None, "content": "x"}})
    conversation.write({"type": "assistant", "message": {"id": "m", "usage": {"input_tokens": "many"}}})
    conversation.write({"type": "user", "message": {"content": [{"type": "tool_result", "content": [3]}]}})
    call(conversation)
    conversation.read(f"{PROJECT}/out.py", "\n".join(LINES), 150)
    # A resumed session repeats earlier lines.
    repeated = conversation.path.read_text()
    conversation.end()
    conversation.write_text(repeated)

    found = await checked(history, check)
    report = await check.report()

    assert found.ending == "read_again"
    assert found.receipt.spent_input < 40 + 200  # read once, not twice
    assert report.our_calls == 1
    assert report.broken_lines >= 1


async def test_a_growing_transcript_is_read_on(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.end()
    assert await check.run() == 1
    assert await check.run() == 0

    whole = json.dumps({"type": "user", "message": {"role": "user", "content": "x"}}) + "\n"
    conversation.write_text(whole[:20])  # still being written
    await check.run()
    conversation.write_text(whole[20:])
    edit = {"file_path": f"{PROJECT}/out.py", "old_string": LINES[0], "new_string": "pass"}
    conversation.use("Edit", edit, "ok", call_tokens=100, result_tokens=20)
    found = await checked(history, check)
    report = await check.report()

    assert (found.ending, found.survived) == ("edited", pytest.approx(0.9))
    assert (report.our_calls, report.broken_lines, report.transcripts) == (1, 0, 1)


async def test_a_replaced_transcript_is_read_from_the_start(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.end()
    await check.run()
    conversation.path.write_text("{}\n")
    await check.run()
    assert (await check.report()).our_calls == 0


async def test_subagents_are_followed_separately(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    """Each subagent's requests have their own prompts; mixing them would make all sizes wrong."""
    await record(history, ledger, "toolu_1")
    main, side = Conversation(tmp_path), Conversation(tmp_path, "other")
    side.prompt = 3_000
    main.answer([{"type": "tool_use", "id": "toolu_1", "name": OFFLOAD, "input": CALL}], 120)
    side.answer([{"type": "text", "text": "meanwhile"}], 5)
    main.write(json.loads(side.path.read_text().splitlines()[-1]) | {"isSidechain": True})
    side.path.unlink()
    main.results([("toolu_1", DIGEST)], 40)
    main.end()
    found = await checked(history, check)
    assert (found.measured, found.receipt.spent_input) == (True, 40)


async def test_a_file_offloaded_again_belongs_to_the_later_offload(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    for number in range(2):
        await record(history, ledger, f"toolu_{number}", offload_id=f"a{number}")
        call(conversation, f"toolu_{number}")
    conversation.read(f"{PROJECT}/out.py", "\n".join(LINES), 150)
    conversation.end()
    assert (await checked(history, check, "a0")).ending == "left_alone"
    assert (await checked(history, check, "a1")).ending == "read_again"


async def test_nothing_is_read_until_the_user_agrees(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    assert SavingsSettings().audit is False
    await record(history, ledger, "toolu_1")
    call(Conversation(tmp_path))
    check.settings = check.settings.model_copy(update={"audit": False})
    assert await check.run() == 0
    assert (await check.report()).transcripts == 0


async def test_transcripts_are_only_read(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    conversation.path.chmod(0o444)
    before = (conversation.path.read_bytes(), conversation.path.stat().st_mtime_ns)
    folder = conversation.path.parent
    await check.run()
    assert (conversation.path.read_bytes(), conversation.path.stat().st_mtime_ns) == before
    assert list(folder.iterdir()) == [conversation.path]


async def test_a_missing_folder_counts_as_empty(history: History, ledger: Ledger, tmp_path: Path) -> None:
    settings = SavingsSettings(audit=True, transcripts=str(tmp_path / "nowhere"))
    assert await TranscriptCheck(settings, history.database, ledger).run() == 0


async def test_the_estimators_error_is_measured(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    for number in range(200):
        # words 300 x 0.2742 + letters 1,200 x 0.2787 + newlines 300 x 1.0029 + result 6.1768 = 723.7
        conversation.use(
            "Bash", {"command": f"echo {number}"}, "word\n" * 300, call_tokens=50, result_tokens=700
        )
    conversation.end()
    await check.run()
    accuracy = (await check.report()).accuracy["B"]
    assert accuracy.items > 5
    assert accuracy.median == pytest.approx(723.7 / 700 - 1, abs=0.003)


async def test_missed_savings(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    large = "some words in a line\n" * 1000  # 21,000 characters, about 10,000 tokens
    conversation.read(f"{PROJECT}/log.txt", large, 9_000)
    conversation.read(f"{PROJECT}/edited.py", large, 9_000)
    edit = {"file_path": f"{PROJECT}/edited.py", "old_string": "some", "new_string": "any"}
    conversation.use("Edit", edit, "ok", call_tokens=90, result_tokens=20)
    conversation.use("Bash", {"command": "make"}, large, call_tokens=60, result_tokens=9_000)
    conversation.use("Bash", {"command": "ls"}, "a b c", call_tokens=60, result_tokens=20)
    tests = {"file_path": f"{PROJECT}/test_x.py", "content": "assert something == 1\n" * 100}
    conversation.use("Write", tests, "ok", call_tokens=900, result_tokens=20)
    conversation.end()

    await check.run()
    missed = (await check.report()).missed

    assert {each.kind: each.count for each in missed.kinds} == {
        "large files read": 1,
        "command output": 1,
        "files written": 1,
    }
    assert missed.kinds[0].tokens == 10_000
    assert "compress_context" in missed.advice
