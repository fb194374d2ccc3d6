"""A scenario for each kind of receipt in ``docs/receipts.md``. It returns the receipt of the app."""

import gzip
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from server.config.sections import SavingsSettings
from server.ledger.explain import receipt_text
from server.ledger.transcripts.check import TranscriptCheck
from server.offload.values import (
    Caller,
)
from server.store.history import History
from server.store.job_records import JobRecord
from server.store.records import OffloadFilter, ReceiptRecord
from server.store.result_digests import ResultDigest, ResultDigests
from tests.ledger.books import PAGE, REPLY, Books, source
from tests.ledger.conversation import PROJECT, Conversation
from tests.ledger.transcript_checking import LINES, OFFLOAD, call, checked, record

COMPRESS = {"files": ["a.py"], "max_length": 400}
THREE = "hello world\nhello world\nhello world"
FILE = "\n".join(LINES)
OLD_DATABASE = Path(__file__).parents[1] / "data" / "0.1.0" / "history.db.gz"

Scenario = Callable[[Books], Awaitable[ReceiptRecord]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(heading: str) -> Callable[[Scenario], Scenario]:
    def named(function: Scenario) -> Scenario:
        SCENARIOS[heading] = function
        return function

    return named


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
