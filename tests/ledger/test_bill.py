"""Tests of the bill, of what each part of the context costs, and of re-reads, with the arithmetic.

Claude Opus 5.5: input 4 micro-dollars, a 5-minute write 5, a 1-hour write 8, a read 0.20, output 20.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.terms import Terms
from server.ledger.tokens import estimate_result, estimate_tokens
from server.ledger.transcripts.check import TranscriptCheck
from server.ledger.transcripts.context_cost import FIXED, ContextCost
from server.ledger.transcripts.lines import Usage
from server.ledger.transcripts.session_state import SessionState
from server.ledger.transcripts.summary import Summary
from server.store.history import History
from server.store.transcript_checks import read_summaries
from tests.ledger.conversation import Conversation
from tests.ledger.transcript_checking import DIGEST, call, checked, record

pytestmark = pytest.mark.anyio

PRICE = load_prices().find("claude-opus-5.5")


@pytest.mark.fast
def test_each_part_pays_for_its_writes_and_reads() -> None:
    cost = ContextCost()
    cost.expect("skill:a", 100)
    assert cost.request(Usage(write_1h=1_000), PRICE) == 0
    cost.answer({"output:Read": 50.0}, 50, PRICE)
    cost.expect("result:Read", 200)
    cost.request(Usage(write_1h=250, read=1_000), PRICE)
    money = cost.money()
    assert money["skill:a"] == pytest.approx(100 * 8 + 100 * 0.20)
    assert money[FIXED] == pytest.approx(900 * 8 + 900 * 0.20)
    assert money["output:Read"] == pytest.approx(50 * 20 + 50 * 8)
    assert money["result:Read"] == pytest.approx(200 * 8)
    assert sum(money.values()) == pytest.approx(1_000 * 8 + 50 * 20 + 250 * 8 + 1_000 * 0.20)


@pytest.mark.fast
def test_a_cold_cache_is_paid_by_what_was_there_before() -> None:
    cost = ContextCost()
    cost.request(Usage(write_5m=1_000), PRICE)
    cost.expect("user", 100)
    extra = cost.request(Usage(write_5m=1_100), PRICE)
    assert extra == pytest.approx(1_000 * (5 - 0.20))
    assert cost.money()["user"] == pytest.approx(100 * 5)


@pytest.mark.fast
def test_a_snapshot_divides_the_fixed_part() -> None:
    cost = ContextCost()
    cost.expect("user", 100)
    cost.request(Usage(write_5m=1_000), PRICE)
    cost.divide_fixed({"client:system prompt": 200.0, "mcp:docs": 700.0})
    assert cost.tokens == pytest.approx({"user": 100, "client:system prompt": 200, "mcp:docs": 700})
    assert cost.money()["mcp:docs"] == pytest.approx(700 * 5)
    assert sum(cost.money().values()) == pytest.approx(5_000)


@pytest.mark.fast
def test_after_a_compaction_only_the_summary_is_carried_on() -> None:
    cost = ContextCost()
    cost.request(Usage(write_5m=1_000), PRICE)
    cost.compact()
    cost.expect("user", 300)
    cost.request(Usage(write_5m=300), PRICE)
    assert cost.tokens == {"user": 300}
    assert sum(cost.money().values()) == pytest.approx(1_300 * 5)


async def summaries(history: History) -> list[Summary]:
    texts = await history.database.read(read_summaries)
    return [Summary.from_json(text) for text in texts]


async def test_the_money_of_all_parts_is_the_bill(
    history: History, check: TranscriptCheck, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    listing = "- one: Does one thing.\n- two: Does another thing."
    conversation.attach("skill_listing", listing, content=listing, names=["one", "two"])
    conversation.read("/home/me/project/a.py", "x = 1\n" * 300, 900)
    conversation.use("Bash", {"command": "git status"}, "clean", call_tokens=60, result_tokens=20)
    conversation.compact(4_000)
    conversation.use("Skill", {"skill": "one"}, "Do it.", call_tokens=40, result_tokens=15)
    conversation.end()
    await check.run()
    [summary] = await summaries(history)
    # 4 requests of 4 tokens of input and 96 of 5-minute writes, the rest reads; the output of each
    reads = (12_000 - 100) + (12_000 + 90 + 900 - 100) + (4_000 - 100) + (4_000 + 40 + 15 - 100)
    expected = 4 * (4 * 4 + 96 * 5) + reads * 0.20 + (90 + 60 + 40 + 5) * 20
    assert summary.money == pytest.approx(expected)
    assert sum(part.money for part in summary.parts.values()) == pytest.approx(expected, rel=1e-6)
    report = await check.report()
    assert report.bill.total == pytest.approx(expected, abs=1)
    assert (list(report.bill.days), report.bill.requests) == (["2026-11-20"], 4)
    assert summary.parts["skill:one"].uses == 1
    assert summary.parts["skill:two"].uses == 0
    assert summary.parts["skill:one"].listed == pytest.approx(estimate_tokens(listing[:22], "B"), abs=0.1)
    assert summary.parts["skill:one"].characters == 22


async def test_re_reads_are_counted_until_a_compaction(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    call(conversation)
    for number in range(5):
        conversation.use("Bash", {"command": "ls"}, "a", call_tokens=30, result_tokens=8, use_id=f"b{number}")
    first = await checked(history, check)
    conversation.compact(3_000)
    conversation.end()
    after = await checked(history, check)
    for found in (first, after):
        terms = Terms.from_json(found.receipt.terms)
        assert terms is not None
        # 5 requests followed the result: the first wrote it, four read it. Later ones had a summary instead.
        assert (terms.basis, terms.cache_reads) == ("session", 4)


async def test_the_clients_own_texts_are_no_part_of_a_result(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    reminder = "<system-reminder>Keep the list of tasks up to date, please.</system-reminder>" * 3
    tokens = round(estimate_tokens(reminder, "B"))
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    true = round(estimate_result(DIGEST, "B"))
    call(conversation, result_tokens=true)
    conversation.attach("todo_reminder", reminder, tokens=tokens)
    conversation.meta(reminder, tokens=tokens)
    conversation.end()
    found = await checked(history, check)
    assert found.measured
    assert found.receipt.spent_input == pytest.approx(true, rel=0.05)


async def test_a_note_about_the_written_file_is_part_of_the_cost(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    true = round(estimate_result(DIGEST, "B"))
    call(conversation, result_tokens=true)
    note = "Note: out.py was modified, either by the user or by a linter. " * 5
    size = round(estimate_tokens(note, "B"))
    conversation.attach("edited_text_file", note, tokens=size, filename="/home/me/project/out.py")
    conversation.end()
    found = await checked(history, check)
    assert found.receipt.spent_input == pytest.approx(true + size, rel=0.05)


async def test_placeholders_of_the_output_are_left_out(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    await record(history, ledger, "toolu_1")
    conversation = Conversation(tmp_path)
    conversation.placeholder = 1
    call(conversation)
    conversation.end()
    found = await checked(history, check)
    assert not found.measured
    [summary] = await summaries(history)
    assert summary.placeholders == 1  # the last answer may still grow
    output = next(iter(summary.bill.values()))[4]
    assert output > 100  # the estimate of the call stands in for "1"


async def test_a_forked_session_is_not_charged_twice(
    history: History, check: TranscriptCheck, tmp_path: Path
) -> None:
    first = Conversation(tmp_path)
    first.read("/home/me/project/a.py", "x = 1\n" * 300, 900)
    fork = Conversation(tmp_path, "s2")
    fork.path.write_text(first.path.read_text())
    fork.prompt = first.prompt
    fork.end()
    await check.run()
    report = await check.report()
    assert report.bill.requests == 2
    [whole, rest] = await summaries(history)
    assert [summary.bill["2026-11-20 claude-opus-5-5-20261001"][5] for summary in (whole, rest)] == [1, 1]
    assert sum(part.money for part in rest.parts.values()) == pytest.approx(rest.money)


@pytest.mark.parametrize("names", [("s1", "s2"), ("s2", "s1")], ids=["original-first", "fork-first"])
async def test_a_call_that_a_fork_sends_again_is_counted_once_with_all_its_re_reads(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path, names: tuple[str, str]
) -> None:
    await record(history, ledger, "toolu_1")
    original = Conversation(tmp_path, names[0])
    call(original)
    original.use("Bash", {"command": "ls"}, "a", call_tokens=30, result_tokens=8)
    fork = Conversation(tmp_path, names[1])
    repeated = []
    for text in original.path.read_text().splitlines():
        line = json.loads(text) | {"sessionId": names[1]}
        repeated.append(line | {"requestSessionId": names[0]} if line["type"] == "assistant" else line)
    fork.path.write_text("".join(json.dumps(line) + "\n" for line in repeated))
    fork.prompt = original.prompt
    fork.use("Bash", {"command": "ls"}, "a", call_tokens=30, result_tokens=8)
    fork.end()
    original.end()
    found = await checked(history, check)
    report = await check.report()
    terms = Terms.from_json(found.receipt.terms)
    assert terms is not None
    # The original sent the result with two requests, the fork with two more: one wrote it, three read it.
    assert terms.cache_reads == 3
    assert (report.our_calls, report.unmatched) == (1, 0)
    assert report.bill.requests == 5


@pytest.mark.parametrize("names", [("s1", "s2"), ("s2", "s1")], ids=["original-first", "fork-first"])
@pytest.mark.parametrize("names_its_origin", [True, False], ids=["with-origin", "without-origin"])
async def test_what_a_fork_repeats_is_counted_once_in_every_figure(
    history: History,
    ledger: Ledger,
    check: TranscriptCheck,
    tmp_path: Path,
    names: tuple[str, str],
    *,
    names_its_origin: bool,
) -> None:
    original = Conversation(tmp_path, names[0])
    text = "some words in a line\n" * 400
    original.read("/home/me/project/a.py", text, 4_000)
    original.use("Bash", {"command": "make"}, text, call_tokens=60, result_tokens=4_000)
    original.use("Skill", {"skill": "one"}, "Loaded.", call_tokens=30, result_tokens=8)
    page = {"file_path": "/home/me/project/b.py", "content": "x = 1\n" * 600}
    original.use("Write", page, "ok", call_tokens=1_900, result_tokens=8)
    repeated = [json.loads(line) | {"sessionId": names[1]} for line in original.path.read_text().splitlines()]
    original.end()
    other = await History.open(tmp_path / "other.db")
    before = TranscriptCheck(check.settings, other.database, ledger)
    await before.run()
    alone, [single] = await before.report(), await summaries(other)
    await other.close()

    fork = Conversation(tmp_path, names[1])
    origin = {"requestSessionId": names[0]} if names_its_origin else {}
    for number, line in enumerate(repeated):
        repeated[number] = (
            line | {"uuid": f"other-{number}"} | (origin if line["type"] == "assistant" else {})
        )
    fork.path.write_text("".join(json.dumps(line) + "\n" for line in repeated))
    fork.prompt = original.prompt - 5  # without the original's last answer
    fork.use("Bash", {"command": "ls"}, "a", call_tokens=30, result_tokens=8)
    fork.end()
    await check.run()
    both, parts = await check.report(), await summaries(history)

    assert len(parts) == 2
    assert both.bill.requests == alone.bill.requests + 2
    assert both.missed == alone.missed
    assert both.accuracy["B"].items == alone.accuracy["B"].items
    assert sum(each.answers for each in parts) == single.answers + 2
    uses = [part.parts["skill:one"].uses for part in parts if "skill:one" in part.parts]
    assert sum(uses) == single.parts["skill:one"].uses == 1
    for name in ("results_entered", "reads_whole", "reads_large", "turns_with_calls", "calls"):
        own = {"results_entered": 0, "turns_with_calls": 1, "calls": 1}.get(name, 0)
        assert sum(each.habits.get(name, 0) for each in parts) == single.habits.get(name, 0) + own, name
    read = sum(each.parts["result:Read+"].entered for each in parts)
    assert read == pytest.approx(single.parts["result:Read+"].entered, rel=0.01)
    assert sum(part.money for each in parts for part in each.parts.values()) == pytest.approx(
        both.bill.total, abs=2
    )


async def test_requests_without_a_line_are_in_the_bill_by_the_clients_own_total(
    history: History, check: TranscriptCheck, tmp_path: Path
) -> None:
    conversation = Conversation(tmp_path)
    conversation.read("/home/me/project/a.py", "x = 1\n" * 300, 900)
    conversation.end()
    reads = (12_000 - 100) + (12_000 + 990 - 100)
    usage = {
        "inputTokens": 8,
        "cacheCreationInputTokens": 192,
        "cacheReadInputTokens": reads,
        "outputTokens": 95,
    }
    conversation.write({"type": "cost-state", "modelUsage": {"claude-opus-5-5": usage}})
    compaction = {"cacheReadInputTokens": reads + 13_000, "outputTokens": 595}
    conversation.write({"type": "cost-state", "modelUsage": {"claude-opus-5-5": usage | compaction}})
    await check.run()
    report = await check.report()
    [summary] = await summaries(history)
    # A compaction read 13,000 tokens from the cache and wrote a summary of 500.
    assert report.bill.unrecorded == 13_000 * 0.20 + 500 * 20 == 12_600
    assert report.bill.total == pytest.approx(summary.money + 12_600, abs=1)


async def test_habits_are_measured_over_sessions(
    history: History, ledger: Ledger, check: TranscriptCheck, tmp_path: Path
) -> None:
    for number in range(5):
        conversation = Conversation(tmp_path, f"s{number}")
        for at in range(number + 2):
            tail = {"command": "make | tail -5"}
            conversation.use("Bash", tail, "y" * 300, call_tokens=30, result_tokens=100)
            conversation.read(f"/home/me/project/{at}.py", "x = 1\n" * 99, 300)
        conversation.end()
    await check.run()
    habits = ledger.habits
    assert (habits.basis, habits.sessions, habits.long_writes) == ("transcripts", 5, 0.0)
    assert (habits.calls_per_turn, habits.whole_reads) == (1.0, 1.0)
    assert habits.tail_tokens == pytest.approx(300 / 2.1, rel=0.03)
    # Session n has 2n+4 results of 142 and 282 tokens in turn; the median is that of the third session. Of 8
    # results, the first is read by 7 requests, the last by none.
    sizes = [142, 282] * 4
    reads = sum(size * (7 - at) for at, size in enumerate(sizes)) / sum(sizes)
    assert habits.cache_reads == pytest.approx(round(reads, 1))
    assert ledger.terms().basis == "transcripts"


async def test_a_state_of_an_earlier_version_is_read_again(history: History, check: TranscriptCheck) -> None:
    values: dict[str, Any] = json.loads(SessionState().as_json())
    assert SessionState.from_json(json.dumps(values | {"version": 6})) is None
    assert Summary.from_json('{"our_calls":1,"accuracy":{}}').our_calls == 1
