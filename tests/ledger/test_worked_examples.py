"""Each kind of receipt, recorded by the app, equals its worked example in ``docs/receipts.md``."""

import asyncio
from pathlib import Path

import pytest

from server.batch.cost import CallCosts
from server.commands.digest.actions import print_digest
from server.common.events import EventBus
from server.config.sections import LedgerSettings
from server.ledger.explain import explain_receipt, receipt_text
from server.ledger.holdout import compare
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.tokens import estimate_tokens
from server.offload.run.recorder import OffloadRecorder
from server.reminder.__main__ import LARGE_WRITE, reminder
from server.store.history import History
from server.store.jobs import Jobs
from tests.ledger.books import Books
from tests.ledger.explained_figures import unexplained
from tests.ledger.receipt_scenarios import SCENARIOS
from tests.ledger.worked_examples import Calculation, read_examples

pytestmark = pytest.mark.anyio

EXAMPLES = read_examples()
RECEIPTS = {name: lines for name, lines in EXAMPLES.items() if [each.name for each in lines][-1:] == ["net"]}


@pytest.fixture
async def books(history: History, tmp_path: Path) -> Books:
    ledger = Ledger(LedgerSettings(model="claude-opus-5.5", calls_per_session=5), load_prices(), 1000)
    recorder = OffloadRecorder(history, ledger, EventBus())
    return Books(history, ledger, recorder, CallCosts(history, ledger), Jobs(history.database), tmp_path)


@pytest.mark.parametrize(
    "line",
    [each for lines in EXAMPLES.values() for each in lines],
    ids=[f"{heading}-{each.name}" for heading, lines in EXAMPLES.items() for each in lines],
)
@pytest.mark.fast
def test_the_arithmetic_on_the_page_is_right(line: Calculation) -> None:
    assert line.computed == line.result


@pytest.mark.fast
def test_every_example_is_recorded_and_every_kind_has_an_example() -> None:
    assert set(SCENARIOS) == set(RECEIPTS)


@pytest.mark.parametrize("heading", RECEIPTS)
async def test_the_recorded_receipt_equals_its_example(books: Books, heading: str) -> None:
    found = await SCENARIOS[heading](books)
    example = {each.name: each.result for each in RECEIPTS[heading]}
    assert list(example) == ["tokens", "saved", "cost", "net"]
    assert found.net_tokens == example["tokens"]
    assert (found.spared_microusd, found.spent_microusd) == (round(example["saved"]), round(example["cost"]))
    assert found.net_microusd == example["net"]
    explained = explain_receipt(found, books.ledger.prices)
    assert explained.reproduced
    text = receipt_text(found, books.ledger.prices)
    assert f"${abs(example['net']) / 1_000_000:.6f}" in text
    assert unexplained(text, found, books.ledger.prices) == []


@pytest.mark.fast
def test_the_reminders_have_the_documented_size(tmp_path: Path) -> None:
    (tmp_path / "build.log").write_text("x" * 40_000)
    read = reminder("Read", {"file_path": str(tmp_path / "build.log")})
    write = reminder("Write", {"file_path": "/p/test_a.py", "content": "x" * LARGE_WRITE})
    text = (Path(__file__).parents[2] / "docs" / "receipts.md").read_text(encoding="utf-8")
    sizes = tuple(round(estimate_tokens(each, "B")) for each in (read, write))
    assert "({} tokens before a read, {} before a\n".format(*sizes) in text


@pytest.mark.fast
def test_the_measured_comparison_is_the_documented_difference() -> None:
    arms = {str(number): number % 2 == 1 for number in range(80)}
    money = {str(n): 2_000.0 * ((n // 2) % 2) + (2_000 if n % 2 else 1_000) for n in range(80)}
    found = compare(arms, money)
    difference, margin = EXAMPLES["What has no receipt"]
    assert found.saved == float(difference.result)
    assert found.margin == pytest.approx(float(margin.result), abs=0.001)


@pytest.mark.fast
def test_a_digest_from_a_shell_records_nothing(
    token_saver_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_saver_home.mkdir()
    (tmp_path / "a.log").write_text("2026-11-20 10:00:00 ERROR it failed\n" * 900)
    monkeypatch.chdir(tmp_path)
    print_digest("a.log", "", 400)

    async def totals() -> tuple[int, int]:
        history = await History.open(token_saver_home / "history.db")
        found = await history.totals()
        await history.close()
        return found.offloads, found.net_tokens

    assert asyncio.run(totals()) == (0, 0)
