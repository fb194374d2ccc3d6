"""Digests of tool results count in the totals: when they are made, lost and pruned."""

import time
from pathlib import Path

import pytest

from server.store.database import open_database
from server.store.history import History
from server.store.result_digests import ResultDigests
from server.store.totals import DIGEST_TOOL, rebuild
from tests.store.offloads import LEDGER, digest

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_digest_counts_until_and_after_it_is_pruned(tmp_path: Path) -> None:
    database = open_database(tmp_path / "history.db", owner=True)
    history, digests = History(database), ResultDigests(database)
    made = digest()
    number = await digests.add(made)
    kept = await digests.find(number)
    assert kept is not None
    assert kept.receipt == made.receipt
    [group] = await history.by("tool")
    # 9,000 x 11.83 - 600 x 11.83 = 99,372
    assert (group.name, group.totals.offloads, group.totals.returned) == (DIGEST_TOOL, 1, 1)
    assert (group.totals.net_tokens, group.totals.net_microusd) == (8_400, 99_372)
    assert (await history.totals(time.time() - 60)).net_tokens == 8_400

    lost = LEDGER.digest_receipt(9_000, 600, lost=True).as_record()
    await digests.book_loss(kept, "again", lost)
    totals = await history.totals()
    # 600 x 11.83 and one more turn of 14,100
    assert (totals.failed, totals.losing, totals.net_tokens, totals.net_microusd) == (1, 1, -600, -21_198)

    await database.write(rebuild)
    assert await history.totals() == totals
    await digests.prune(time.time() + 1)
    assert await digests.latest(5) == ()
    assert await history.totals() == totals
    await database.close()
