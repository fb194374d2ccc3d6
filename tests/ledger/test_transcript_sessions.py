"""The audit and its transcripts: found under any name, read once, whatever state they are in."""

import json
from pathlib import Path

import pytest

from server.config.settings import SavingsSettings
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from tests.ledger.conversation import PROJECT, Conversation
from tests.ledger.transcript_checking import CALL, DIGEST, LINES, OFFLOAD, audited, book, call

pytestmark = pytest.mark.anyio


async def test_every_call_is_found_under_any_name(
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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


async def test_hidden_thinking_leaves_the_estimate(
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
) -> None:
    assert SavingsSettings().audit is False
    await book(history, ledger, "toolu_1")
    call(Conversation(tmp_path))
    audit.settings = audit.settings.model_copy(update={"audit": False})
    assert await audit.run() == 0
    assert (await audit.report()).transcripts == 0


async def test_transcripts_are_only_read(
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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
    assert await TranscriptCheck(settings, history.database, ledger).run() == 0


async def test_the_estimators_error_is_measured(
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
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


async def test_missed_chances(
    history: History, ledger: Ledger, audit: TranscriptCheck, tmp_path: Path
) -> None:
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
