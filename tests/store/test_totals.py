"""Running totals equal the sums of the rows after any sequence of changes, and after a crash."""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from server.ledger.receipt import part_of
from server.store.cost import BatchCostRecord, add_cost, distribute_cost
from server.store.history import History
from server.store.job_records import ItemRecord, JobRecord
from server.store.jobs import Jobs
from server.store.records import ReceiptRecord
from server.store.tables import DIMENSIONS, MEASURES
from tests.store.offloads import audit, end, keep_audit, receipt, start

DAY = 86_400
OUTCOMES = ("delivered", "returned", "handed_back", "failed", "cancelled", "denied")
tokens = st.integers(0, 2**40)
step = st.one_of(
    st.tuples(st.just("start"), st.integers(0, 9), st.integers(0, 200), st.sampled_from(["t1", "t2"])),
    st.tuples(st.just("finish"), st.integers(0, 9), st.sampled_from(OUTCOMES), tokens, tokens),
    st.tuples(st.just("audit"), st.integers(0, 9), tokens, tokens),
    st.tuples(st.just("undo"), st.integers(0, 9)),
    st.tuples(st.just("bill"), tokens, tokens),
    st.tuples(st.just("prune"), st.integers(1, 200)),
    st.tuples(st.just("reopen")),
)


@given(steps=st.lists(step, max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_totals_are_the_sums_of_the_rows(empty_database: Path, steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        shutil.copy(empty_database, path)
        asyncio.run(_play(path, steps))


async def _play(path: Path, steps: list[tuple[Any, ...]]) -> None:
    history = await History.open(path)
    job = JobRecord("j1", time.time(), "t", "c", "s", "", (), sequential=False)
    await Jobs(history.database).create(job, (ItemRecord(0, {"task": "t"}),))
    started: set[int] = set()
    for name, *values in steps:
        if name == "start" and values[0] not in started:
            started.add(values[0])
            when = time.time() - values[1] * DAY
            batch = {"job_id": "j1"} if values[0] % 2 else {}
            client = ("claude-code", "dashboard", "token-saver")[values[1] % 3]
            booked = receipt(0, values[1])
            begun = start(str(values[0]), when, tool=values[2], client=client, receipt=booked, **batch)
            await history.start(begun)
        elif name == "bill":
            await history.database.write(_charge(values[0], values[1]))
        elif name == "prune":
            await history.prune(values[0])
        elif name == "reopen":
            await history.close()
            history = await History.open(path)
        elif values and values[0] in started and await history.get(str(values[0])):
            offload_id = str(values[0])
            if name == "finish":
                await history.finish(offload_id, end(values[1], values[2], values[3]))
            elif name == "audit":
                await keep_audit(history, offload_id, audit(values[1], values[2]))
            elif name == "undo":
                await history.mark_undone(offload_id)
        await _compare(history)
    await history.close()


def _charge(output: int, answer: int) -> Callable[[Connection], None]:
    """Add the cost of a call to its batch, and check that the rows of the batch add up to its cost."""

    def write(connection: Connection) -> None:
        add_cost(connection, "j1", BatchCostRecord(output, answer))
        distribute_cost(connection, "j1", _share_cost)
        total = connection.execute(text("SELECT spent_output, spent_input, spent_share FROM job")).one()
        recorded = connection.execute(
            text(
                "SELECT sum(spent_output), sum(spent_input), sum(spent_share) FROM offload "
                "WHERE job_id = 'j1' AND outcome <> 'running'"
            )
        ).one()
        assert tuple(recorded) in {tuple(total), (None, None, None)}

    return write


def _share_cost(old: ReceiptRecord, cost: BatchCostRecord, index: int, count: int) -> ReceiptRecord:
    output, answer, share, turns = (part_of(each, index, count) for each in astuple(cost))
    saved = old.spared_input + old.spared_output
    return replace(
        old,
        spent_output=output,
        spent_input=answer,
        spent_share=share,
        spent_turns=turns,
        net_tokens=saved - output - answer - share,
        spent_microusd=output * 20,
        net_microusd=old.spared_microusd - output * 20,
    )


async def _compare(history: History) -> None:
    """Compare ``total`` and the figures of the pages with sums calculated from the rows."""

    def read(connection: Connection) -> tuple[dict[Any, Any], dict[Any, Any], dict[str, int]]:
        expected: dict[Any, dict[str, int]] = defaultdict(lambda: dict.fromkeys(MEASURES, 0))
        for row in connection.execute(text("SELECT * FROM offload WHERE outcome <> 'running'")):
            sums = expected[tuple(getattr(row, name) for name in DIMENSIONS)]
            for measure, share in _shares(row).items():
                sums[measure] += share
        kept = {
            tuple(row[:4]): dict(zip(MEASURES, row[4:], strict=True)) for row in _rows(connection, "total")
        }
        gone = dict.fromkeys(MEASURES, 0)
        for row in _rows(connection, "removed"):
            for name, value in zip(MEASURES, row[4:], strict=True):
                gone[name] += value
        return dict(expected), kept, gone

    expected, kept, gone = await history.database.read(read)
    assert kept == expected
    shown = await history.totals()
    for measure in MEASURES:
        assert getattr(shown, measure) == sum(sums[measure] for sums in expected.values()) + gone[measure]


def _rows(connection: Connection, table: str) -> Any:
    return connection.execute(text(f"SELECT {', '.join(DIMENSIONS + MEASURES)} FROM {table}"))


def _shares(row: Any) -> dict[str, int]:
    audited = row.audited_net_tokens is not None
    return {
        "offloads": 1,
        **{name: int(row.outcome == name) for name in (*OUTCOMES, "interrupted")},
        "losing": int(row.net_tokens < 0),
        "by_user": int(row.client in {"dashboard", "token-saver"}),
        "would_save_tokens": row.would_save_tokens,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "spared_tokens": row.spared_input + row.spared_output,
        "spent_tokens": row.spent_output + row.spent_input + row.spent_share,
        "net_tokens": row.net_tokens,
        "spared_microusd": row.spared_microusd,
        "spent_microusd": row.spent_microusd,
        "net_microusd": row.net_microusd,
        "audited": int(audited),
        "audited_estimate_tokens": row.net_tokens if audited else 0,
        "audited_net_tokens": row.audited_net_tokens or 0,
        "audited_estimate_microusd": row.net_microusd if audited else 0,
        "audited_net_microusd": row.audited_net_microusd or 0,
    }


WRITER = """
import asyncio, sys
from pathlib import Path
from server.store.history import History
from tests.store.offloads import audit, end, keep_audit, start

async def write():
    history = await History.open(Path(sys.argv[1]))
    number = 0
    while True:
        await history.start(start(f"{sys.argv[2]}-{number}"))
        await history.finish(f"{sys.argv[2]}-{number}", end(spared=number))
        await keep_audit(history, f"{sys.argv[2]}-{number}", audit(spared=number))
        number += 1
        if number == 3:
            print("writing", flush=True)

asyncio.run(write())
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.05], ids=["at-once", "early", "late"])
def test_totals_equal_the_rows_after_a_crash_between_two_writes(database: Path, delay: float) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(database), "w"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    with writer.stdout:
        assert writer.stdout.readline() == b"writing\n"
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()

    async def look() -> None:
        history = await History.open(database)
        await _compare(history)
        totals = await history.totals()
        await history.close()
        assert totals.offloads >= 3

    asyncio.run(look())
