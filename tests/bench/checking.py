"""Benchmark of the checks of one answer by the length of the edited file.

    uv run python -m tests.bench.checking [--rounds 9] [--only Python,JSON]

The answer is the whole file with two small changes, or with one in ten lines (``everywhere``). Each file type
is checked at 500 to 50,000 lines. The figures are medians of CPU time and of elapsed time in milliseconds,
without the model's time; ``growth`` is the ratio of the CPU time to that of the length before.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from server.offload.asking.plan import Plan, make_plan
from server.offload.checks.run import check_answer
from server.offload.files.workspace import Reading, digest_of
from server.offload.values import Generation, Source, Target, Task

LENGTHS = (500, 5_000, 50_000)
GOAL = 300
"""Milliseconds that the checks of a file of 5,000 lines may take at the median."""


def python(number: int) -> str:
    """Return ten lines of Python."""
    return (
        f"def total_{number}(rows, rate={number}):\n"
        f'    """Return the total of step {number}."""\n'
        f"    # Step {number} rounds each row.\n"
        f"    total = {number}\n"
        "    for row in rows:\n"
        f"        if row.kind == {number}:\n"
        "            total += round(row.price * rate, 2)\n"
        "    return total\n\n\n"
    )


def java(number: int) -> str:
    """Return ten lines of Java."""
    return (
        f"    /** Returns the total of step {number}. */\n    @Override\n"
        f"    public int total{number}(List<Row> rows, int rate) {{\n"
        f"        int total = {number};\n"
        "        for (Row row : rows) {\n            total += row.price() * rate;\n        }\n"
        "        return total;\n    }\n\n"
    )


def yaml(number: int) -> str:
    """Return ten lines of YAML."""
    return (
        f"job-{number}:\n  image: node:{number}\n  script:\n    - npm ci\n    - npm test -- --step {number}\n"
        f"  only:\n    - main\n  variables:\n    STEP: {number}\n    MODE: fast\n"
    )


def typescript(number: int) -> str:
    """Return ten lines of TypeScript."""
    return (
        f"/** Returns the total of step {number}. */\n"
        f"export function total{number}(rows: Row[], rate: number = {number}): number {{\n"
        f"  let total = {number};\n"
        "  for (const row of rows) {\n"
        f"    if (row.kind === {number}) {{\n"
        "      total += Math.round(row.price * rate);\n    }\n  }\n  return total;\n}\n"
    )


def json(number: int) -> str:
    """Return ten lines of JSON."""
    return (
        f'  "job-{number}": {{\n    "image": "node:{number}",\n    "script": [\n      "npm ci",\n'
        f'      "npm test -- --step {number}"\n    ],\n    "only": ["main"],\n    "step": {number},\n'
        '    "mode": "fast"\n  },\n'
    )


def markdown(number: int) -> str:
    """Return ten lines of Markdown."""
    return (
        f"## Step {number}\n\nRun this before step {number + 1}:\n\n```sh\nnpm ci\n"
        f"npm test -- --step {number}\n```\n\nIt takes {number} seconds.\n"
    )


KINDS: dict[str, tuple[str, str, Callable[[int], str], str, tuple[str, str]]] = {
    "Python": (
        "steps.py",
        '"""Steps."""\n\nimport os\n\nROOT = os.sep\n\n\n',
        python,
        "",
        (", 2)", ", 4)"),
    ),
    "Java": ("Steps.java", "class Steps extends Base {\n", java, "}\n", ("* rate", "+ rate")),
    "TypeScript": (
        "steps.ts",
        "import { Row } from './row';\n\n",
        typescript,
        "",
        ("Math.round(", "Math.floor("),
    ),
    "YAML": ("steps.yml", "stages: [test]\n", yaml, "", ("npm ci", "npm install")),
    "JSON": ("steps.json", '{\n  "version": "1",\n', json, '  "end": true\n}\n', ('"fast"', '"slow"')),
    "Markdown": ("steps.md", "# Steps\n\n", markdown, "", ("npm ci", "npm install")),
}


def main() -> None:
    """Print the medians of all file types and lengths."""
    parser = argparse.ArgumentParser(description="Time the checks of one answer.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="file types, separated by commas")
    given = parser.parse_args()
    kinds = [each for each in KINDS if not given.only or each in given.only.split(",")]
    print("| file | changes | lines | CPU ms, median | growth | elapsed ms, median |")
    for name in kinds:
        for everywhere in (False, True):
            last = 0.0
            for lines in LENGTHS:
                busy, elapsed = measure(name, lines, given.rounds, everywhere=everywhere)
                growth = f"{busy / last:.1f} ×" if last else "–"
                what = "everywhere" if everywhere else "two"
                print(f"| {name} | {what} | {lines:,} | {busy:.0f} | {growth} | {elapsed:.0f} |", flush=True)
                last = busy


def measure(name: str, lines: int, rounds: int, *, everywhere: bool = False) -> tuple[float, float]:
    """Return the median CPU time and elapsed time of the checks, in milliseconds.

    Each round has texts of its own, so that no cache of an earlier round helps.
    """
    busy: list[float] = []
    elapsed: list[float] = []
    for number in range(rounds):
        plan, answer = _posed(name, lines, number, everywhere=everywhere)
        began, started = time.perf_counter(), time.process_time()
        verdict = check_answer(plan, answer)
        busy.append((time.process_time() - started) * 1_000)
        elapsed.append((time.perf_counter() - began) * 1_000)
        if not verdict.passed:
            raise SystemExit(f"{name}: {verdict.reason}")
    return statistics.median(busy), statistics.median(elapsed)


def _posed(name: str, lines: int, number: int, *, everywhere: bool) -> tuple[Plan, Generation]:
    file_name, head, part, tail, change = KINDS[name]
    before = head + "".join(part(number * 100_000 + each) for each in range(lines // 10)) + tail
    middle = len(before) // 2
    after = before[:middle] + before[middle:].replace(*change, 1)
    after = before.replace(*change) if everywhere else after.replace(*change, 1)
    source = Source(
        Path("/project", file_name), file_name, before, digest_of(before.encode()), 0, len(before)
    )
    target = Target(source.path, source.shown, source.digest, before)
    task = Task("Change the steps.", (file_name,), file_name)
    plan = make_plan(task, Reading((source,), target), 32_000)
    answer = Generation(f"````\n{after}````", "", "stop", 1, 1)
    return replace(plan, kind="edit_file", edited=source, parts=()), answer


if __name__ == "__main__":
    main()
