"""Worked examples of receipts, one for each kind of call, with the arithmetic written out.

Claude Opus 5.5, family B. A cache write costs 8 micro-dollars for 1 hour and 5 for 5 minutes; 81 % are of
1 hour: 0.81 x 8 + 0.19 x 5 = 7.43. A token in the context costs that and 22 reads of 0.20: 11.83. A token
that Claude writes costs 20 first: 31.83. The definitions are there from the start and are read twice as
often: 7.43 + 44 x 0.20 = 16.23. A turn reads 70,500 tokens of context again: 70,500 x 0.20 = 14,100.
"""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from server.config.sections import LedgerSettings
from server.ledger.explain import receipt_text
from server.ledger.habits import PUBLIC, Habits, read_by_habit
from server.ledger.prices import load_prices, microusd
from server.ledger.receipt import Cost, Ledger
from server.ledger.terms import Assumed, Figures, Terms, former_terms, lines_of
from tests.ledger.explained_figures import unexplained

pytestmark = pytest.mark.fast

CONTEXT = Decimal("11.83")
OUTPUT = 20 + CONTEXT
DEFINITIONS = Decimal("16.23")
TURN = 14_100

SHARE = 200
"""1,000 tokens of definitions, shared by the 5 calls of a session."""

PAGE = "hello world\n" * 100
"""words 200 x 0.2742 + letters 1,000 x 0.2787 + newlines 100 x 1.0029 = 54.84 + 278.70 + 100.29 = 433.83"""
PAGE_TOKENS = 434

CALL = {"task": "Write it", "files": ["a.py"], "output": "b.py"}
"""call 22.2352 + 3 parameters x 19.538 + 15 letters of names x 0.9301             =  94.8007
Write it    words 2 x 0.2742 + letters 7 x 0.2787                                  =   2.4993
["a.py"]    words 2 x 0.2742 + letters 3 x 0.2787 + marks 5 x 0.4425 + 3 x 0.8072  =   6.0186
b.py        words 2 x 0.2742 + letters 3 x 0.2787 + marks 1 x 0.4425 + 1 x 0.8072  =   2.6342
                                                                                     105.9528"""
CALL_TOKENS = 106

DIGEST = "Wrote b.py"
"""result 6.1768 + words 3 x 0.2742 + letters 8 x 0.2787 + marks 1 x 0.4425 + 1 x 0.8072 = 10.4787"""
DIGEST_TOKENS = 10


@pytest.fixture
def ledger() -> Ledger:
    settings = LedgerSettings(model="claude-opus-5.5", calls_per_session=5)
    return Ledger(settings, load_prices(), definitions_tokens=1000)


def test_file_in_and_file_out(ledger: Ledger) -> None:
    receipt = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST)
    assert (receipt.family, receipt.price_model) == ("B", "opus-5.5")
    assert (receipt.saved_input, receipt.saved_output, receipt.saved_turns) == (434, 434, 2_000)
    assert (receipt.cost_output, receipt.cost_input, receipt.cost_share) == (106, 10, 200)
    assert receipt.cost_turns == 1_000
    # 434 x 11.83 + 434 x 31.83 + 2 x 14,100 = 5,134.22 + 13,814.22 + 28,200 = 47,148.44
    assert receipt.saved_microusd == microusd(434 * CONTEXT + 434 * OUTPUT + 2 * TURN) == 47_148
    # 106 x 31.83 + 10 x 11.83 + 200 x 16.23 + 14,100 = 3,373.98 + 118.30 + 3,246 + 14,100 = 20,838.28
    assert receipt.cost_microusd == microusd(106 * OUTPUT + 10 * CONTEXT + 200 * DEFINITIONS + TURN) == 20_838
    assert receipt.net_tokens == 434 + 434 - 106 - 10 - 200 == 552
    assert receipt.net_microusd == 47_148 - 20_838 == 26_310


def test_inline_text_saves_no_reading(ledger: Ledger) -> None:
    call = {"task": "Write it", "context": PAGE, "output": "b.py"}
    # call 22.2352 + 3 x 19.538 + 17 letters x 0.9301 + 2.4993 + 433.83 + 2.6342 = 535.6244
    receipt = ledger.receipt("offload_work", call, [], PAGE, DIGEST)
    assert (receipt.saved_input, receipt.saved_output) == (0, 434)
    assert receipt.cost_output == 536
    assert receipt.net_tokens == 434 - 536 - 10 - 200 == -312
    # Claude would have written the page in one turn, and the call takes one.
    assert (receipt.saved_turns, receipt.cost_turns) == (1_000, 1_000)
    # 434 x 31.83 + 14,100 = 27,914; 536 x 31.83 + 118.30 + 3,246 + 14,100 = 34,525
    assert receipt.net_microusd == 27_914 - 34_525 == -6_611


def test_text_returned_inline_saves_no_writing_before_the_check(ledger: Ledger) -> None:
    call = {"task": "Write it", "files": ["a.py"]}
    # call 22.2352 + 2 x 19.538 + 9 x 0.9301 + 2.4993 + 6.0186 = 78.2000
    # result 6.1768 + the page 433.83 = 440.0068
    receipt = ledger.receipt("offload_work", call, [PAGE], None, PAGE, returned=True)
    assert (receipt.saved_input, receipt.saved_output) == (434, 0)
    assert (receipt.cost_output, receipt.cost_input) == (78, 440)
    assert receipt.net_tokens == 434 - 78 - 440 - 200 == -284


def test_compress(ledger: Ledger) -> None:
    call = {"files": ["a.py"], "max_length": 400}
    # call 22.2352 + 2 x 19.538 + 15 x 0.9301 + 6.0186 + 400: digits 3 x 0.1675 + run 1.3722 = 83.1560
    receipt = ledger.receipt("compress_context", call, [PAGE] * 10, None, DIGEST, returned=True)
    assert receipt.saved_input == 4_338  # 10 x 433.83
    assert (receipt.cost_output, receipt.cost_input) == (83, 10)
    assert receipt.net_tokens == 4_338 - 83 - 10 - 200 == 4_045
    # Until a habit is measured, ten files are read in one turn; it may have taken ten.
    assert (receipt.saved_turns, receipt.terms.assumed.turns_most) == (1_000, 10_000)
    # 4,338 x 11.83 + 14,100 = 65,418.54; 83 x 31.83 + 118.30 + 3,246 + 14,100 = 20,106.19
    assert receipt.net_microusd == 65_419 - 20_106 == 45_313


def test_a_batch_of_forty_shares_one_call(ledger: Ledger) -> None:
    whole = ledger.cost(CALL, DIGEST)
    assert whole == Cost(106, 10, 200, 1_000)
    parts = [
        ledger.receipt("batch_offload", {}, [PAGE], PAGE, "", cost=whole.part(number, 40))
        for number in range(40)
    ]
    assert {part.cost_output for part in parts} == {2, 3}  # 106 / 40 = 2.65
    assert sum(part.cost_output for part in parts) == CALL_TOKENS
    assert sum(part.cost_input for part in parts) == DIGEST_TOKENS
    assert sum(part.cost_share for part in parts) == SHARE
    assert sum(part.net_tokens for part in parts) == 40 * 2 * PAGE_TOKENS - 106 - 10 - 200 == 34_404
    # 40 reads and 40 writes, against the batch's one turn.
    assert sum(part.saved_turns for part in parts) == 80_000
    assert sum(part.cost_turns for part in parts) == 1_000
    # 40 x 47,148.44 - 20,838.28 = 1,865,099.32; each part is rounded by itself, by 1 micro-dollar at most
    assert abs(sum(part.net_microusd for part in parts) - 1_865_099) <= 40
    assert {part.terms.assumed.turns_most for part in parts} == {2_000}
    # At the least, all files are read in one turn and written in another: two turns / 40.
    assert {part.terms.assumed.turns_least for part in parts} == {50}


def test_a_failure_costs_in_full(ledger: Ledger) -> None:
    text = "path_not_found"
    # result 6.1768 + error 5.5428 + words 3 x 0.2742 + letters 12 x 0.2787 + marks 2 x (0.4425 + 0.8072)
    # = 18.3860
    receipt = ledger.receipt("offload_work", CALL, [], None, text, error=True)
    assert (receipt.saved_input, receipt.saved_output) == (0, 0)
    assert receipt.cost_input == 18
    assert receipt.net_tokens == -(106 + 18 + 200) == -324
    # 3,373.98 + 18 x 11.83 + 3,246 + 14,100 = 20,932.92
    assert (receipt.saved_turns, receipt.cost_turns) == (0, 1_000)
    assert receipt.net_microusd == -20_933


def test_a_hand_back_costs_in_full(ledger: Ledger) -> None:
    receipt = ledger.receipt("offload_work", CALL, [PAGE], None, DIGEST)
    assert (receipt.saved_input, receipt.saved_output) == (0, 0)
    assert receipt.net_tokens == -(106 + 10 + 200) == -316
    assert receipt.net_microusd == -20_838


def test_a_digest_of_a_result_saves_what_claude_would_have_seen(ledger: Ledger) -> None:
    receipt = ledger.digest_receipt(9_000, 600)
    assert (receipt.saved_input, receipt.cost_input, receipt.cost_turns) == (9_000, 600, 0)
    assert receipt.net_tokens == 8_400
    # 9,000 x 11.83 = 106,470; 600 x 11.83 = 7,098; Claude's call was made in any case
    assert receipt.net_microusd == 106_470 - 7_098 == 99_372


def test_a_digest_that_claude_came_back_from_costs_a_turn(ledger: Ledger) -> None:
    receipt = ledger.digest_receipt(9_000, 600, lost=True)
    assert (receipt.saved_input, receipt.net_tokens) == (0, -600)
    # 600 x 11.83 + 14,100 = 21,198
    assert receipt.net_microusd == -21_198


def test_a_losing_call_is_negative(ledger: Ledger) -> None:
    receipt = ledger.receipt("offload_work", CALL, [], "x", DIGEST)
    # one word 0.2742 + one letter 0.2787 = 0.5529
    assert receipt.saved_output == 1
    assert receipt.net_tokens == 1 - 316 == -315
    # The turn in which Claude would have written it is worth more than its text: 31.83 + 14,100 - 20,838.28
    assert receipt.net_microusd == 14_132 - 20_838 == -6_706


def test_the_estimate_before_a_call_is_the_receipt_after_it(ledger: Ledger) -> None:
    receipt = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST)
    estimate = ledger.estimate(
        "offload_work",
        CALL,
        [PAGE],
        written_tokens=434,
        result_tokens=4,  # 10 less the framing of 6
    )
    assert estimate == receipt


def test_the_estimate_identifies_a_call_that_cannot_save(ledger: Ledger) -> None:
    inline = {"task": "Sum it up", "content": PAGE * 50}
    assert ledger.estimate("compress_context", inline, []).net_microusd < 0
    assert ledger.estimate("compress_context", {"files": ["a.py"]}, [PAGE * 50]).net_microusd > 0


def test_older_models_use_their_own_family() -> None:
    settings = LedgerSettings(model="claude-opus-4-6")
    receipt = Ledger(settings, load_prices(), 0).receipt("offload_work", CALL, [PAGE], PAGE, DIGEST)
    # words 200 x 0.7554 + letters 1,000 x 0.0588 + newlines 100 x 1.5653 = 366.41
    assert (receipt.family, receipt.price_model, receipt.saved_output) == ("A", "opus-4.6", 366)


def test_a_log_counts_with_the_tail_that_claude_usually_reads(ledger: Ledger) -> None:
    call = {"files": ["a.log"], "max_length": 400}
    receipt = ledger.receipt("compress_context", call, [], None, DIGEST, returned=True, logs=[PAGE * 10])
    assert receipt.saved_input == 400
    assert receipt.terms.assumed == Assumed(400, 4_338, 1_000, 1_000)


def test_a_file_longer_than_one_read_counts_with_one_read(ledger: Ledger) -> None:
    receipt = ledger.receipt("compress_context", CALL, [PAGE * 100], None, DIGEST, returned=True)
    assert receipt.saved_input == 25_000  # of 43,383


def test_files_count_with_the_measured_share_that_claude_reads_whole() -> None:
    habits = Habits("transcripts", 40, whole_reads=0.75, part_tokens=1_000)
    baseline = read_by_habit("file", 5_000, habits)
    assert (baseline.least, baseline.tokens, baseline.most) == (1_000, 0.75 * 5_000 + 0.25 * 1_000, 5_000)
    assert read_by_habit("file", 800, habits).tokens == 800
    assert read_by_habit("log", 300, habits).tokens == 300


def test_measured_habits_replace_the_public_medians(ledger: Ledger) -> None:
    ledger.use_habits(
        Habits("transcripts", 12, cache_reads=40.5, long_writes=0.25, turn_reads=50_000, calls_per_turn=1.6)
    )
    receipt = ledger.receipt("offload_work", CALL, [PAGE] * 3, PAGE, DIGEST)
    assert receipt.saved_turns == 2_500  # 3 reads and a write, 1.6 calls a turn
    # 0.25 x 8 + 0.75 x 5 = 5.75; 5.75 + 40.5 x 0.20 = 13.85
    assert receipt.terms.context == Decimal("13.85")
    assert receipt.terms.turn == 10_000
    assert (receipt.terms.basis, receipt.terms.sessions) == ("transcripts", 12)


def test_the_users_own_number_of_cache_reads_takes_precedence() -> None:
    ledger = Ledger(LedgerSettings(model="claude-opus-5.5", cache_reads=10), load_prices(), 1000)
    ledger.use_habits(replace(PUBLIC, basis="transcripts", cache_reads=40))
    assert (ledger.terms().cache_reads, ledger.terms().basis) == (10, "setting")


def test_the_lines_of_a_receipt_add_up_to_its_net(ledger: Ledger) -> None:
    receipt = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST)
    figures = Figures(434, 434, 106, 10, 200, 2_000, 1_000)
    lines = lines_of(figures, receipt.terms)
    assert microusd(sum((line.amount for line in lines), Decimal(0))) == receipt.net_microusd == 26_310
    assert [line.unit for line in lines].count("turns") == 2


def test_the_arithmetic_of_a_recorded_receipt_is_printed(ledger: Ledger) -> None:
    record = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST).as_record()
    text = receipt_text(record, ledger.prices)
    for part in (
        "+434 tokens",
        "x $31.83/M",
        "x $11.83/M",
        "+2.000 turns",
        "x $0.014100",
        "+$0.026310",
        "22.0 reads",
        "81.0% kept for 1 hour",
        "1,000 tokens of Token Saver's definitions and instructions, divided by 5 calls",
    ):
        assert part in text
    assert "265 public Claude Code sessions" in text


@pytest.mark.parametrize(
    "settings",
    [{}, {"cache_reads": 12.5}, {"calls_per_session": 2.5}],
    ids=["habits", "own-reads", "own-calls"],
)
@pytest.mark.parametrize("measured", [False, True], ids=["public", "transcripts"])
def test_every_number_of_the_arithmetic_has_a_source(settings: dict[str, float], *, measured: bool) -> None:
    ledger = Ledger(LedgerSettings(model="claude-opus-5.5", **settings), load_prices(), 1234)
    if measured:
        ledger.use_habits(Habits("transcripts", 47, 31.7, 0.377, 81_234, 1.37, 0.733, 1_789, 417))
    receipt = ledger.receipt(
        "offload_work", CALL, [PAGE, PAGE * 9], PAGE, DIGEST, logs=[PAGE * 10]
    ).as_record()
    text = receipt_text(receipt, ledger.prices)
    assert unexplained(text, receipt, ledger.prices) == []
    for source in ("table of 2026-11-01", "1,234 tokens", "median error 3.8%", "sessions"):
        assert source in text
    assert ("the last 417 tokens" in text) is measured
    assert ("the setting [ledger] cache_reads" in text) is ("cache_reads" in settings)
    invented = text.replace("Assumption: ", "Assumption: 987,654 ", 1)
    assert unexplained(invented, receipt, ledger.prices) == ["987,654"]


def test_terms_from_before_their_sources_were_recorded_are_read(ledger: Ledger) -> None:
    terms = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST).terms
    values = json.loads(terms.as_json())
    del values["sources"]
    former = Terms.from_json(json.dumps(values))
    assert former == replace(terms, sources=None)
    record = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST, logs=[PAGE * 10]).as_record()
    text = receipt_text(replace(record, terms=json.dumps(values)), ledger.prices)
    assert "divided by [ledger] calls_per_session" in text


def test_a_receipt_of_formula_1_keeps_its_figures_and_is_marked(ledger: Ledger) -> None:
    record = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST).as_record()
    # Formula 1: context 5 + 10 x 0.20 = 7, output 20, definitions 5 + 20 x 0.20 = 9
    saved, cost = 434 * 7 + 434 * 20, 106 * 20 + 10 * 7 + 200 * 9
    old = replace(
        record,
        terms="",
        spared_turns=0,
        spent_turns=0,
        spared_microusd=saved,
        spent_microusd=cost,
        net_microusd=saved - cost,
    )
    text = receipt_text(old, ledger.prices)
    assert f"+${(saved - cost) / 1e6:.6f}" in text
    assert "Formula 1" in text
    assert "turns" not in text
    # A later question about its batch divides the cost again, and records the terms of formula 1.
    price = ledger.prices.find("opus-5.5")
    again = replace(old, terms=former_terms(price, ledger.prices.dated.isoformat()).as_json())
    assert receipt_text(again, ledger.prices) == text
    changed = receipt_text(replace(old, spared_microusd=saved + 1), ledger.prices)
    assert "The recorded sums are kept" in changed
    assert "x $" not in changed


def test_terms_survive_their_storage(ledger: Ledger) -> None:
    terms = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST).terms
    assert Terms.from_json(terms.as_json()) == terms
