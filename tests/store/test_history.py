"""The history: what it stores and returns, and what it must not store."""

import time
from pathlib import Path

import pytest

from server.common.errors import StoreError
from server.store.history import History
from server.store.records import OffloadEnd, OffloadFilter
from tests.store.offloads import attempt, audit, end, keep_audit, receipt, start, undo

pytestmark = [pytest.mark.anyio, pytest.mark.fast]


async def test_offload_is_read_back_completely(history: History) -> None:
    await history.start(start("a"))
    await history.attempt("a", attempt(1))
    await history.finish(
        "a", end(names=("in.py", "lib/other.py"), undo=undo(), attempts=(attempt(2, "better"),))
    )

    detail = await history.get("a")

    assert detail is not None
    assert detail.row.outcome == "delivered"
    assert detail.row.seconds == 2.4
    assert detail.arguments == {"task": "Write a function", "output": "out.py"}
    assert detail.attempts == (attempt(1), attempt(2, "better"))
    assert [file.path for file in detail.files] == ["in.py", "lib/other.py"]
    assert detail.receipt == receipt()
    assert detail.undo == undo()
    assert detail.timings["generate"] == 2.0
    assert detail.tool_use_id == "toolu_a"
    assert detail.audit is None


async def test_missing_offload_is_none(history: History) -> None:
    assert await history.get("nothing") is None


async def test_the_end_of_an_unknown_offload_is_an_error(history: History) -> None:
    with pytest.raises(StoreError, match="no offload ghost"):
        await history.finish("ghost", end())


async def test_offload_running_at_a_crash_is_interrupted_and_its_cost_counts(database: Path) -> None:
    first = await History.open(database)
    await first.start(start("a", receipt=receipt(spared=0, spent=100)))
    await first.close()

    second = await History.open(database)
    detail = await second.get("a")
    totals = await second.totals()
    await second.close()

    assert detail is not None
    assert detail.row.outcome == "interrupted"
    assert totals.interrupted == 1
    assert totals.net_tokens == -107


async def test_reader_that_is_not_the_owner_interrupts_no_offload(history: History, database: Path) -> None:
    await history.start(start("a"))
    onlooker = await History.open(database, owner=False)
    rows = await onlooker.page(OffloadFilter())
    await onlooker.close()
    assert [row.outcome for row in rows] == ["running"]


async def test_without_contents_no_text_is_in_the_file(database: Path) -> None:
    history = await History.open(database, contents=False)
    await history.start(start("a", task="SECRET task", arguments={"context": "SECRET"}))
    await history.attempt("a", attempt(1, "SECRET answer"))
    last = attempt(2, "SECRET second answer")
    ended = end("returned", diff="+SECRET", summary="SECRET result", names=("in.py",), attempts=(last,))
    await history.finish("a", ended)
    detail = await history.get("a")
    await history.close()

    assert detail is not None
    assert detail.receipt == receipt()
    assert detail.files[0].path == "in.py"
    assert [each.prompt_tokens for each in detail.attempts] == [300, 300]
    assert [check.name for check in detail.attempts[0].checks] == ["parses", "kept"]
    for path in database.parent.glob("history.db*"):
        stored = path.read_bytes()
        for text in (b"SECRET", b"unexpected", b"You write code"):
            assert text not in stored, path.name


async def test_undone_offload_saved_nothing_and_still_cost(history: History) -> None:
    await history.start(start("a"))
    await history.finish("a", end(undo=undo(None)))
    await history.mark_undone("a")

    detail = await history.get("a")
    totals = await history.totals()

    assert detail is not None
    assert detail.row.undone
    assert detail.undo is None
    assert detail.row.net_tokens == -207
    assert (totals.net_tokens, totals.spared_tokens, totals.net_microusd) == (-207, 0, -2000)
    assert totals.losing == 1


@pytest.mark.parametrize("audited_first", [True, False], ids=["checked-first", "undone-first"])
async def test_undone_offload_saved_nothing_by_its_transcript_check(
    history: History, audited_first: bool
) -> None:
    await history.start(start("a"))
    await history.finish("a", end(undo=undo(None)))
    if audited_first:
        await keep_audit(history, "a", audit(spared=900, spent=300))
    await history.mark_undone("a")
    if not audited_first:
        await keep_audit(history, "a", audit(spared=900, spent=300))

    detail = await history.get("a")
    totals = await history.totals()

    assert detail is not None
    assert detail.audit is not None
    assert (detail.audit.receipt.spared_input, detail.audit.receipt.net_tokens) == (0, -307)
    assert (totals.net_tokens, totals.corrected_tokens, totals.corrected_microusd) == (-207, -307, -3000)


async def test_transcript_check_is_stored_beside_the_estimate(history: History) -> None:
    await history.start(start("a"))
    await history.finish("a", end())
    await keep_audit(history, "a", audit(ending="left_alone"))
    await keep_audit(history, "a", audit())

    detail = await history.get("a")
    totals = await history.totals()

    assert detail is not None
    assert detail.audit is not None
    assert detail.audit.ending == "edited"
    assert detail.receipt == receipt()
    assert detail.audit.receipt.net_tokens == detail.row.audited_net_tokens == -57
    assert (totals.audited, totals.audited_estimate_tokens, totals.audited_net_tokens) == (1, 293, -57)
    assert totals.corrected_tokens == -57


async def test_retention_removes_rows_and_keeps_their_totals(history: History) -> None:
    await history.start(start("old", time.time() - 91 * 86_400))
    await history.attempt("old", attempt())
    await history.finish("old", end(undo=undo()))
    await history.start(start("new"))
    await history.finish("new", end())
    before = await history.totals()

    assert await history.prune(days=90) == 1

    assert await history.get("old") is None
    assert [row.id for row in await history.page(OffloadFilter())] == ["new"]
    assert await history.totals() == before
    assert (await history.by("day"))[0].totals.offloads == 1


async def test_listeners_are_called_at_every_end(history: History) -> None:
    heard: list[tuple[str, str]] = []

    def listen(tool: str, ended: OffloadEnd) -> None:
        heard.append((tool, ended.outcome))

    history.on_finish(listen)
    await history.start(start("a", tool="compress_context"))
    await history.finish("a", end("returned"))
    assert heard == [("compress_context", "returned")]
