"""Benchmark of policy and audit trail: ``uv run python -m tests.bench.policy``.

A call passes the gate (shipped rules, counters, trail, all in SQLite) and its answer is searched for secrets.
Prints the median and the 95th percentile in milliseconds; the limit is 2 ms at the median.
"""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from server.common.events import EventBus
from server.config.folders import Folders
from server.policy.approvals import Approvals
from server.policy.gate import Gate
from server.policy.rules.policy_file import PolicyFile
from server.policy.secrets.redact import redact
from server.policy.trail import Trail
from server.policy.values import Call
from server.store.database import open_database

CALLS = 1000
DIGEST = "Wrote src/slug.py: +24 -0, slugify added; parses, complete; 1.5B, 8.1 s; net 1,204 tokens. "
RESULT = Path(__file__).parent / "results" / "policy.json"
ARGUMENTS = {"task": "Write slugify(text)", "files": ["src/a.py", "src/b.py"], "output": "src/slug.py"}


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as folder:
        times = sorted(asyncio.run(_measure(Path(folder))))
    result = {
        "calls": CALLS,
        "median_ms": round(statistics.median(times) * 1000, 3),
        "p95_ms": round(times[int(CALLS * 0.95)] * 1000, 3),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2), encoding="utf-8")
    print(f"policy and audit, {CALLS} calls: median {result['median_ms']} ms, 95 % in {result['p95_ms']} ms")


async def _measure(root: Path) -> list[float]:
    folders = Folders(config=root, data=root, state=root, cache=root / "cache")
    database = open_database(folders.database)
    bus = EventBus()
    trail = Trail(database, root / "trail.head")
    now = 1_800_000_000.0

    def clock() -> float:  # each call in a different minute, so that the limit is evaluated but not reached
        nonlocal now
        now += 60
        return now

    gate = Gate(PolicyFile(folders, bus), Approvals(bus), trail, database, clock)
    times = []
    for number in range(CALLS):
        started = time.perf_counter()
        async with gate.enter(
            Call("offload_work", ARGUMENTS, "claude-code", "s", "/p", 3, (f"{number}.py",))
        ):
            redact(DIGEST * 3)
        times.append(time.perf_counter() - started)
    await gate.close()
    await trail.close()
    await database.close()
    return times


if __name__ == "__main__":
    main()
