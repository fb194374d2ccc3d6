"""What a sandboxed load and four examples cost: ``uv run python tests/bench/sandbox.py [runs]``.

Prints the median and the 90th percentile in milliseconds for each barrier that holds here: one answer, as the
app runs it after a generation, and ten answers in one batch.
"""

import asyncio
import statistics
import sys
import time

from server.execution.sandbox.probe import probe
from server.execution.sandbox.run import run
from server.execution.sandbox.values import PythonJob

SOURCE = """
import re
from collections import Counter
from dataclasses import dataclass


@dataclass
class Slot:
    start: int
    end: int


def merge(slots):
    merged = []
    for slot in sorted(slots, key=lambda slot: slot.start):
        if merged and merged[-1].end >= slot.start:
            merged[-1] = Slot(merged[-1].start, max(merged[-1].end, slot.end))
        else:
            merged.append(slot)
    return merged


def words(text):
    return Counter(re.findall(r"\\w+", text.lower()))
"""
JOB = PythonJob(
    SOURCE,
    expressions=("merge([Slot(1, 3), Slot(2, 5)])", "merge([])", "words('a b A')", "words('')"),
)


async def main(runs: int) -> None:
    """Measure each barrier."""
    for barrier in ("landlock", "bubblewrap"):
        proof = await probe(barrier, "python")
        if not proof.holds:
            print(f"{barrier}: {proof.reason}")
            continue
        single = [await _milliseconds(1, barrier) for _ in range(runs)]
        ten = [await _milliseconds(10, barrier) for _ in range(max(3, runs // 5))]
        print(
            f"{barrier}: one answer {statistics.median(single):.0f} ms (p90 {_p90(single):.0f}), "
            f"ten in a batch {statistics.median(ten):.0f} ms"
        )


async def _milliseconds(count: int, barrier: str) -> float:
    started = time.perf_counter()
    results = await run([JOB] * count, barrier)
    assert all(result.records[-1]["record"] == "done" for result in results)
    return (time.perf_counter() - started) * 1000


def _p90(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.9)]


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
