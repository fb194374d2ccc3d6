"""Benchmark of the history with many rows: ``uv run python -m tests.bench.large.history [ROWS] [FILE]``.

Fills a database (1,000,000 rows take a few minutes; an existing ``FILE`` is used unchanged), then prints the
median of five for first page, search, filters, sums, Review and charts: the time on the clock and the CPU
time, which other work on the machine changes little. The limits: first page, each filter, Review and each
chart 300 ms, search 500 ms, all sums of the savings page 1 s.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from server.offload.values import STRENGTHS
from server.store.history import History
from server.store.queries import local_day
from server.store.records import OffloadFilter
from server.store.reviews import Reviews
from server.store.series import SavingsSeries
from server.store.tables import offload

SECONDS_APART = 7
STEMS = "parse write read sum log test doc type rename convert fix add".split()  # noqa: SIM905 - easier to read
WORDS = [stem + end for stem in STEMS for end in ("", "r", "file", "Config", "user", "api")]
WORDS += [f"w{number}" for number in range(20_000)]
COMMONNESS = list(accumulate(1 / (rank + 1) ** 0.8 for rank in range(len(WORDS))))
"""Cumulative weights of the words."""


async def main(rows: int, path: Path) -> None:
    fresh = not path.exists()
    history = await History.open(path)
    began = time.time() - rows * SECONDS_APART
    if fresh:
        await history.database.write(lambda connection: fill(connection, rows, began))
    print(f"{rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
    first = await history.page(OffloadFilter())
    project = first[-1].project
    old = OffloadFilter(since=began + 86_400, until=began + 2 * 86_400)
    for name, where in {
        "first page": OffloadFilter(),
        "search, a common word": OffloadFilter(search="parse"),
        "search, two common words": OffloadFilter(search="parse write"),
        "search, a rare word": OffloadFilter(search="w19999"),
        "search, a file": OffloadFilter(search="src/parse.py"),
        "search and filter": OffloadFilter(search="parse", outcome="denied"),
        "search, long ago": OffloadFilter(search="parse", until=began + rows),
        "filter by tool": OffloadFilter(tool="batch_offload"),
        "filter by outcome": OffloadFilter(outcome="denied"),
        "filter by project": OffloadFilter(project=project),
        "filter by three": OffloadFilter(outcome="denied", tool="batch_offload", model="llama"),
        "a day long ago": old,
    }.items():
        await measure(name, lambda where=where: history.page(where))  # type: ignore[misc]
    await measure("next page", lambda: history.page(OffloadFilter(), before=first[-1].id))
    await measure("sums in all", history.totals)
    await measure("sums by day", lambda: history.by_day(90))
    for dimension in ("tool", "model", "project"):
        await measure(f"sums by {dimension}", lambda by=dimension: history.by(by))  # type: ignore[misc]
    await measure("worst losses", history.losses)
    await measure("what can be filtered by", history.facets)
    reviews = Reviews(history.database, STRENGTHS)
    await measure("review: all that waits", reviews.waiting)
    await measure("review: their number", reviews.count)
    series = SavingsSeries(history.database)
    for dimension in ("", "model", "project"):
        name = dimension or "gain and loss"
        await measure(f"chart by day: {name}", lambda by=dimension: series.by_day(by, ""))  # type: ignore[misc]
    await measure("chart by session", lambda: series.by_session("model", 40))
    await history.close()


async def measure(name: str, ask: Callable[[], Awaitable[Any]]) -> None:
    times, used = [], []
    for _ in range(5):
        start, before = time.perf_counter(), time.process_time()
        await ask()
        times.append(time.perf_counter() - start)
        used.append(time.process_time() - before)
    wall, cpu = (statistics.median(each) * 1000 for each in (times, used))
    print(f"{name:<26} {wall:8.1f} ms {cpu:8.1f} ms of CPU")


def fill(connection: Connection, rows: int, began: float) -> None:
    chance = random.Random(1)
    pending = []
    for number in range(rows):
        pending.append(_row(number, began + number * SECONDS_APART, chance))
        if len(pending) == 5_000 or number == rows - 1:
            connection.execute(insert(offload), pending)
            pending = []


def _row(number: int, started: float, chance: random.Random) -> dict[str, Any]:
    words = chance.choices(WORDS, cum_weights=COMMONNESS, k=14)
    output = f"src/{words[0]}/{words[1]}_{words[2]}.py"
    net = chance.randrange(2000) - 300
    return {
        "id": f"i{number}",
        "started_at": started,
        "ended_at": started + 5,
        "day": local_day(started),
        "tool": chance.choices(["offload_work", "compress_context", "batch_offload"], [80, 15, 5])[0],
        "task": " ".join(words),
        "names": f"{output}\nsrc/{words[3]}.py",
        "client": chance.choice(["claude-code", "claude-desktop"]),
        "session": f"s{number // 25}",
        "project": f"/home/me/projects/p{int(chance.expovariate(0.3))}",
        "output": output,
        "outcome": chance.choices(
            ["delivered", "returned", "handed_back", "failed", "denied"], [70, 15, 9, 5, 0.1]
        )[0],
        "summary": f"wrote {output}: +30 -2, parses",
        "model": chance.choice(["qwen2.5-coder:1.5b", "qwen2.5-coder:7b", "llama"]),
        "seconds": 5,
        "family": "B",
        "price_model": "opus-5.5",
        "spared_output": max(0, net),
        "spent_output": max(0, -net),
        "net_tokens": net,
        "net_microusd": net * 20,
    }


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "history.db"
        asyncio.run(main(count, file))
