"""What a sandboxed load and four examples cost: ``uv run python -m tests.bench.sandbox [runs]``.

Prints the median and the 90th percentile in milliseconds, and the median of the processor time, for each
barrier that holds here: one Python answer as the app runs it after a generation, ten in one batch, and one
answer in JavaScript and in Bash. On a busy machine only the processor time says something.
"""

import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

from server.execution.runtime import Runtime
from server.execution.sandbox.find import Sandbox, Sandboxes
from server.execution.sandbox.probe import probe
from server.execution.sandbox.run import run
from server.execution.sandbox.values import PythonJob
from server.execution.scripts.bash_runtime import BashRuntime, bash_program
from server.execution.scripts.javascript import find_engine
from server.execution.scripts.javascript_runtime import JavaScriptRuntime

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
SCRIPTS = {
    "javascript": (
        "function words(text) { return text.toLowerCase().match(/\\w+/g) ?? []; }\n",
        ("words('a B') === ['a', 'b']", "words('') === []", "words('-') === []", "words('x').length === 1"),
    ),
    "bash": (
        'words() { echo "${1,,}"; }\n',
        ("words A == a", "words b == b", "words 'A b' == 'a b'", "words '' == ''"),
    ),
}


async def main(runs: int) -> None:
    """Measure each barrier, then the other languages."""
    for barrier in ("landlock", "bubblewrap"):
        proof = await probe(barrier, "python")
        if not proof.holds:
            print(f"{barrier}: {proof.reason}")
            continue
        await _measure(f"{barrier}, one Python answer", runs, partial(_python, 1, barrier))
        await _measure(f"{barrier}, ten Python answers", max(3, runs // 5), partial(_python, 10, barrier))
    sandbox = await Sandboxes().find("command")
    node, bash = find_engine(typescript=False), bash_program()
    if not isinstance(sandbox, Sandbox):
        return
    if node is not None:
        await _measure(f"JavaScript in {node.name}", runs, partial(_script, sandbox, JavaScriptRuntime(node)))
    if bash is not None:
        await _measure("Bash", runs, partial(_script, sandbox, BashRuntime(bash, "words.sh")))


async def _measure(label: str, runs: int, once: Callable[[], Awaitable[None]]) -> None:
    walls: list[float] = []
    cpus: list[float] = []
    for _ in range(runs):
        started, before = time.perf_counter(), _processor_seconds()
        await once()
        walls.append((time.perf_counter() - started) * 1000)
        cpus.append((_processor_seconds() - before) * 1000)
    p90 = sorted(walls)[int(len(walls) * 0.9)]
    print(
        f"{label}: {statistics.median(walls):.0f} ms (p90 {p90:.0f}), "
        f"processor time {statistics.median(cpus):.0f} ms"
    )


async def _python(count: int, barrier: str) -> None:
    results = await run([JOB] * count, barrier)
    assert all(result.records[-1]["record"] == "done" for result in results)


async def _script(sandbox: Sandbox, runtime: Runtime) -> None:
    source, facts = SCRIPTS[runtime.fence]
    check = await runtime.check(sandbox, source, [runtime.parse_fact(each) for each in facts])
    assert [each.verdict for each in check.facts] == ["passed"] * len(facts), check


def _processor_seconds() -> float:
    children, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return children.ru_utime + children.ru_stime + own.ru_utime + own.ru_stime


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
