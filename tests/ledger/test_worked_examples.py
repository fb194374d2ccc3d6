"""Each kind of receipt, recorded by the app, equals its worked example in ``docs/receipts.md``."""

import asyncio
import gzip
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.batch.cost import CallCosts
from server.commands.digest.actions import print_digest
from server.common.events import EventBus
from server.config.sections import LedgerSettings, SavingsSettings
from server.ledger.explain import explain_receipt, receipt_text
from server.ledger.holdout import compare
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.tokens import estimate_tokens
from server.ledger.transcripts.check import TranscriptCheck
from server.offload.run.progress import Progress
from server.offload.run.recorder import OffloadRecorder, OffloadState
from server.offload.values import (
    Attempt,
    Caller,
    Delivery,
    Generation,
    ItemOf,
    OutcomeName,
    Prompt,
    Source,
    Strength,
    Task,
    Verdict,
)
from server.reminder.__main__ import LARGE_WRITE, reminder
from server.store.history import History
from server.store.job_records import ItemRecord, JobRecord
from server.store.job_states import JobState
from server.store.jobs import Jobs
from server.store.records import OWN_CLIENTS, OffloadFilter, ReadKind, ReceiptRecord
from server.store.result_digests import ResultDigest, ResultDigests
from tests.ledger.conversation import PROJECT, Conversation
from tests.ledger.explained_figures import unexplained
from tests.ledger.transcript_checking import LINES, OFFLOAD, call, checked, record
from tests.ledger.worked_examples import Calculation, read_examples

pytestmark = pytest.mark.anyio

EXAMPLES = read_examples()
RECEIPTS = {name: lines for name, lines in EXAMPLES.items() if [each.name for each in lines][-1:] == ["net"]}
OLD_DATABASE = Path(__file__).parents[1] / "data" / "0.1.0" / "history.db.gz"

PAGE = "hello world\n" * 100
CALL = {"task": "Write it", "files": ["a.py"], "output": "b.py"}
COMPRESS = {"files": ["a.py"], "max_length": 400}
BATCH = {"task": "Write it", "each": ["*.md"], "output": "{stem}.txt"}
REPLY = "Wrote b.py"
THREE = "hello world\nhello world\nhello world"
FILE = "\n".join(LINES)


@dataclass(frozen=True)
class Books:
    """The real history, ledger, recorder and batch costs of one test."""

    history: History
    ledger: Ledger
    recorder: OffloadRecorder
    costs: CallCosts
    jobs: Jobs
    folder: Path

    async def end(
        self,
        name: OutcomeName,
        reply: str = REPLY,
        *,
        arguments: dict[str, Any] = CALL,
        inputs: tuple[Source, ...] = (),
        written: str = "",
        strength: Strength = "tests ran",
        offload_id: str = "a",
        client: str = "claude-code",
        item_of: ItemOf | None = None,
        ended: bool = True,
    ) -> None:
        """Record an offload as the pipeline does."""
        run = OffloadState(
            offload_id,
            Task("Write it", ("a.py",), output="b.py"),
            Caller(client, "session", Path(PROJECT), (), arguments=arguments),
            Progress(offload_id, _silent, EventBus()),
            {},
            item_of=item_of,
        )
        await self.recorder.open(run)
        run.sources = inputs
        if written:
            verdict = Verdict((), strength=strength)
            run.attempts.append(
                Attempt(
                    1, Prompt("code", (), 0, 0, 0, counted=False), Generation("", "", "stop", 1, 1), verdict
                )
            )
        if ended:
            await self.recorder.close(run, name, reply, "", delivery(written) if written else None)

    async def receipt(self, offload_id: str = "a") -> ReceiptRecord:
        """Return what the history has recorded."""
        detail = await self.history.get(offload_id)
        assert detail is not None
        assert detail.receipt is not None
        return detail.receipt

    async def batch(self, *, client: str = "claude-code") -> JobRecord:
        """Record a batch with two items and the cost of the call that started it."""
        cost = self.costs.of_call(None if client in OWN_CLIENTS else BATCH)
        job = JobRecord("j", 1e9, "Write it", client, "session", PROJECT, (), sequential=False, **vars(cost))
        await self.jobs.create(job, (ItemRecord(0, dict(CALL)), ItemRecord(1, dict(CALL))))
        return job

    async def item(
        self, job: JobRecord, number: int, name: OutcomeName = "delivered", tries: int = 1
    ) -> None:
        """Record one try of an item."""
        item_of = self.costs.of_item(job, ItemRecord(number, dict(CALL), tries=tries), 2)
        delivered = name == "delivered"
        await self.end(
            name,
            inputs=(source(PAGE, f"{number}.md"),) if delivered else (),
            written=PAGE[:-1] if delivered else "",
            offload_id=f"{number}{tries}",
            item_of=item_of,
        )

    async def end_batch(self, job: JobRecord, state: JobState = "done") -> None:
        """Answer the batch's call and divide its cost."""
        await self.costs.charge(job, self.costs.of_answer(None, REPLY))
        await self.jobs.set_state(job.id, state, "")
        await self.costs.divide(job.id)


Scenario = Callable[[Books], Awaitable[ReceiptRecord]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(heading: str) -> Callable[[Scenario], Scenario]:
    def named(function: Scenario) -> Scenario:
        SCENARIOS[heading] = function
        return function

    return named


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


@scenario("A file in, a file out")
async def _written(books: Books) -> ReceiptRecord:
    await books.end("delivered", inputs=(source(PAGE),), written=PAGE[:-1])
    return await books.receipt()


@scenario("A file that Claude is asked to look at")
async def _looked_at(books: Books) -> ReceiptRecord:
    await books.end("delivered", inputs=(source(PAGE),), written=THREE, strength="not checked")
    return await books.receipt()


@scenario("A text passed inline")
async def _inline(books: Books) -> ReceiptRecord:
    arguments = {"task": "Write it", "context": PAGE, "output": "b.py"}
    await books.end("delivered", arguments=arguments, written=PAGE[:-1])
    return await books.receipt()


@scenario("A text returned inline")
async def _returned(books: Books) -> ReceiptRecord:
    arguments = {"task": "Write it", "files": ["a.py"]}
    await books.end("returned", PAGE, arguments=arguments, inputs=(source(PAGE),))
    return await books.receipt()


@scenario("An input that counted before")
async def _counted_before(books: Books) -> ReceiptRecord:
    for offload_id in ("first", "a"):
        await books.end("delivered", inputs=(source(PAGE),), written=PAGE[:-1], offload_id=offload_id)
    return await books.receipt()


@scenario("A call that was handed back")
async def _handed_back(books: Books) -> ReceiptRecord:
    await books.end("handed_back", inputs=(source(PAGE),))
    return await books.receipt()


@scenario("A call that failed or was denied")
async def _failed(books: Books) -> ReceiptRecord:
    await books.end("denied", "path_not_found", offload_id="denied")
    await books.end("failed", "path_not_found")
    denied, failed = await books.receipt("denied"), await books.receipt()
    assert denied == failed
    return failed


@scenario("A call that was interrupted")
async def _interrupted(books: Books) -> ReceiptRecord:
    await books.end("failed", ended=False)
    return await books.receipt()


@scenario("A call that was undone")
async def _undone(books: Books) -> ReceiptRecord:
    await _written(books)
    await books.history.mark_undone("a")
    return await books.receipt()


@scenario("A call of your own")
async def _own(books: Books) -> ReceiptRecord:
    await books.end("delivered", inputs=(source(PAGE),), written=PAGE[:-1], client="token-saver")
    return await books.receipt()


@scenario("A digest of documents")
async def _documents(books: Books) -> ReceiptRecord:
    pages = tuple(source(PAGE, f"{number}.md") for number in range(10))
    await books.end("returned", arguments=COMPRESS, inputs=pages)
    return await books.receipt()


@scenario("A digest of a log")
async def _log(books: Books) -> ReceiptRecord:
    log = source(PAGE * 10, "a.log", "log")
    await books.end("returned", arguments=COMPRESS, inputs=(log,))
    return await books.receipt()


@scenario("The first item of a batch")
async def _first_item(books: Books) -> ReceiptRecord:
    await _batch_of_two(books)
    return await books.receipt("01")


@scenario("The second item of a batch")
async def _second_item(books: Books) -> ReceiptRecord:
    await _batch_of_two(books)
    return await books.receipt("11")


@scenario("An item after a question about its batch")
async def _asked_about(books: Books) -> ReceiptRecord:
    job = await _batch_of_two(books)
    await books.costs.charge(job, books.costs.of_answer({"job": "j1"}, REPLY))
    return await books.receipt("01")


@scenario("A failed try of an item")
async def _failed_try(books: Books) -> ReceiptRecord:
    job = await books.batch()
    await books.item(job, 0)
    await books.item(job, 1, "handed_back")
    await books.item(job, 1, tries=2)
    await books.end_batch(job)
    rows = [await books.receipt(each) for each in ("01", "11", "12")]
    assert sum(each.spent_output for each in rows) == 107
    assert sum(each.spent_turns for each in rows) == 1_000
    return rows[1]


@scenario("A batch that ended before its first item")
async def _unused(books: Books) -> ReceiptRecord:
    await books.end_batch(await books.batch(), "cancelled")
    return await books.receipt("j-call")


@scenario("A question about your own batch")
async def _question(books: Books) -> ReceiptRecord:
    job = await books.batch(client="token-saver")
    caller = Caller("claude-code", "session", Path(PROJECT), ())
    await books.costs.charge(job, books.costs.of_answer({"job": "j1"}, REPLY), caller)
    [row] = await books.history.page(OffloadFilter(), limit=10)
    assert row.tool == "check_job"
    return await books.receipt(row.id)


@scenario("A digest in place of a result")
async def _digest(books: Books) -> ReceiptRecord:
    kept = await _digested(books)
    assert kept.receipt is not None
    return kept.receipt


@scenario("A digest that Claude came back from")
async def _came_back(books: Books) -> ReceiptRecord:
    digests = ResultDigests(books.history.database)
    kept = await _digested(books)
    lost = books.ledger.digest_receipt(kept.shown_tokens, kept.digest_tokens, lost=True)
    await digests.book_loss(kept, "again", lost.as_record())
    [kept] = await digests.latest(1)
    assert kept.receipt is not None
    return kept.receipt


@scenario("A file that Claude left alone")
async def _left_alone(books: Books) -> ReceiptRecord:
    return await _corrected(books, "Bash", {"command": "ls"}, "out.py")


@scenario("A file that Claude read again")
async def _read_again(books: Books) -> ReceiptRecord:
    return await _corrected(books, "Read", {"file_path": f"{PROJECT}/out.py"}, FILE)


@scenario("A file that Claude edited")
async def _edited(books: Books) -> ReceiptRecord:
    edit = {"old_string": "\n".join(LINES[:3]), "new_string": "def mine(): ..."}
    return await _corrected(books, "Edit", {"file_path": f"{PROJECT}/out.py", **edit}, "ok")


@scenario("A file that Claude rewrote")
async def _rewritten(books: Books) -> ReceiptRecord:
    whole = {"file_path": f"{PROJECT}/out.py", "content": "def mine(): ..."}
    return await _corrected(books, "Write", whole, "ok")


@scenario("An input that Claude read itself")
async def _input_read(books: Books) -> ReceiptRecord:
    return await _corrected(books, "Read", {"file_path": f"{PROJECT}/in.py"}, "x = 1\n" * 500)


@scenario("A returned text that Claude did not write again")
async def _returned_and_kept(books: Books) -> ReceiptRecord:
    await record(books.history, books.ledger, "toolu_1", "returned", result=FILE, output=None)
    conversation = Conversation(books.folder)
    conversation.use(OFFLOAD, {"task": "x"}, FILE, call_tokens=60, result_tokens=119, use_id="toolu_1")
    conversation.end()
    return (await checked(books.history, _check(books))).receipt


@scenario("A receipt of version 0.1")
async def _former(books: Books) -> ReceiptRecord:
    path = books.folder / "0.1.0.db"
    with gzip.open(OLD_DATABASE) as packed, path.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    history = await History.open(path)
    detail = await history.get("6b59a08f")
    await history.close()
    assert detail is not None
    assert detail.receipt is not None
    text = receipt_text(detail.receipt, books.ledger.prices)
    assert "Formula 1, which Token Saver used up to version 0.1." in text
    assert f"table of {books.ledger.prices.dated.isoformat()}" in text
    return detail.receipt


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


def delivery(text: str) -> Delivery:
    """A new file with these lines."""
    lines = text.split("\n")
    added = "\n".join(f"+{line}" for line in lines)
    diff = f"--- /dev/null\n+++ b/b.md\n@@ -0,0 +1,{len(lines)} @@\n{added}"
    return Delivery(Path(PROJECT, "b.md"), "b.md", None, "ab" * 32, diff, len(lines), 0)


def source(text: str, name: str = "a.py", read_as: ReadKind = "file") -> Source:
    return Source(Path(PROJECT, name), name, text, f"hash of {name}", 0, len(text), read_as=read_as)


async def _silent(_done: float, _total: float | None, _line: str) -> None:
    return


async def _batch_of_two(books: Books) -> JobRecord:
    job = await books.batch()
    await books.item(job, 0)
    await books.item(job, 1)
    await books.end_batch(job)
    ended = await books.jobs.get(job.id)
    assert ended is not None
    return ended


async def _digested(books: Books) -> ResultDigest:
    receipt = books.ledger.digest_receipt(9_000, 600).as_record()
    words = ("/p", "session", "toolu_1", "pytest", "pytest -v", "key", "facts", "", "handle")
    digest = ResultDigest(1e9, *words, 30_000, 900, 9_000, 9_000, 600, "digest", receipt=receipt)
    digests = ResultDigests(books.history.database)
    await digests.add(digest)
    [kept] = await digests.latest(1)
    return kept


def _check(books: Books) -> TranscriptCheck:
    settings = SavingsSettings(audit=True, transcripts=str(books.folder))
    return TranscriptCheck(settings, books.history.database, books.ledger)


async def _corrected(books: Books, name: str, arguments: dict[str, Any], result: str) -> ReceiptRecord:
    """Return the corrected receipt of a call that Claude followed up with one more call."""
    await record(books.history, books.ledger, "toolu_1")
    before = await books.receipt()
    conversation = Conversation(books.folder)
    call(conversation)
    conversation.use(name, arguments, result, call_tokens=200, result_tokens=150)
    conversation.end()
    found = (await checked(books.history, _check(books))).receipt
    # The estimate keeps its figures, its prices and its habits.
    assert await books.receipt() == before
    return found
