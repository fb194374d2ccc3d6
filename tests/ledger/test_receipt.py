"""Worked examples of receipts, one for each kind of call, with the arithmetic written out.

Claude Opus 5.5, family B: an output token costs 20 micro-dollars. A token in the context costs 5 for the
cache write and 10 reads of 0.20: 7. The definitions are there from the start and are read twice as often: 9.
"""

import pytest

from server.config.settings import LedgerSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Cost, Ledger, Receipt

pytestmark = pytest.mark.fast

OUTPUT = 20
CONTEXT = 7
DEFINITIONS = 9

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
    settings = LedgerSettings(model="claude-opus-5.5", cache_reads=10, calls_per_session=5)
    return Ledger(settings, load_prices(), definitions_tokens=1000)


def test_file_in_and_file_out(ledger: Ledger) -> None:
    receipt = ledger.receipt("offload_work", CALL, [PAGE], PAGE, DIGEST)
    assert receipt == Receipt(
        family="B",
        price_model="opus-5.5",
        saved_input=434,
        saved_output=434,
        cost_output=106,
        cost_input=10,
        cost_share=200,
        saved_microusd=434 * CONTEXT + 434 * OUTPUT,  # 3,038 + 8,680 = 11,718
        cost_microusd=106 * OUTPUT + 10 * CONTEXT + 200 * DEFINITIONS,  # 2,120 + 70 + 1,800 = 3,990
    )
    assert receipt.net_tokens == 434 + 434 - 106 - 10 - 200 == 552
    assert receipt.net_microusd == 11_718 - 3_990 == 7_728


def test_inline_text_saves_no_reading(ledger: Ledger) -> None:
    call = {"task": "Write it", "context": PAGE, "output": "b.py"}
    # call 22.2352 + 3 x 19.538 + 17 letters x 0.9301 + 2.4993 + 433.83 + 2.6342 = 535.6244
    receipt = ledger.receipt("offload_work", call, [], PAGE, DIGEST)
    assert (receipt.saved_input, receipt.saved_output) == (0, 434)
    assert receipt.cost_output == 536
    assert receipt.net_tokens == 434 - 536 - 10 - 200 == -312
    assert receipt.net_microusd == 434 * OUTPUT - (536 * OUTPUT + 10 * CONTEXT + 200 * DEFINITIONS) == -3_910


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
    assert (
        receipt.net_microusd == 4_338 * CONTEXT - (83 * OUTPUT + 10 * CONTEXT + 200 * DEFINITIONS) == 26_836
    )


def test_a_batch_of_forty_shares_one_call(ledger: Ledger) -> None:
    whole = ledger.cost(CALL, DIGEST)
    assert whole == Cost(106, 10, 200)
    parts = [
        ledger.receipt("batch_offload", {}, [PAGE], PAGE, "", cost=whole.part(number, 40))
        for number in range(40)
    ]
    assert {part.cost_output for part in parts} == {2, 3}  # 106 / 40 = 2.65
    assert sum(part.cost_output for part in parts) == CALL_TOKENS
    assert sum(part.cost_input for part in parts) == DIGEST_TOKENS
    assert sum(part.cost_share for part in parts) == SHARE
    assert sum(part.net_tokens for part in parts) == 40 * 2 * PAGE_TOKENS - 106 - 10 - 200 == 34_404
    assert sum(part.net_microusd for part in parts) == 40 * 11_718 - 3_990 == 464_730


def test_a_failure_costs_in_full(ledger: Ledger) -> None:
    text = "path_not_found"
    # result 6.1768 + error 5.5428 + words 3 x 0.2742 + letters 12 x 0.2787 + marks 2 x (0.4425 + 0.8072)
    # = 18.3860
    receipt = ledger.receipt("offload_work", CALL, [], None, text, error=True)
    assert (receipt.saved_input, receipt.saved_output) == (0, 0)
    assert receipt.cost_input == 18
    assert receipt.net_tokens == -(106 + 18 + 200) == -324
    assert receipt.net_microusd == -(106 * OUTPUT + 18 * CONTEXT + 200 * DEFINITIONS) == -4_046


def test_a_hand_back_costs_in_full(ledger: Ledger) -> None:
    receipt = ledger.receipt("offload_work", CALL, [PAGE], None, DIGEST)
    assert (receipt.saved_input, receipt.saved_output) == (0, 0)
    assert receipt.net_tokens == -(106 + 10 + 200) == -316
    assert receipt.net_microusd == -3_990


def test_a_losing_call_is_negative(ledger: Ledger) -> None:
    receipt = ledger.receipt("offload_work", CALL, [], "x", DIGEST)
    # one word 0.2742 + one letter 0.2787 = 0.5529
    assert receipt.saved_output == 1
    assert receipt.net_tokens == 1 - 316 == -315
    assert receipt.net_microusd == OUTPUT - 3_990 == -3_970


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
