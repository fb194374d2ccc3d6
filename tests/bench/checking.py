"""Benchmark of the checks of one answer by the length of the edited file.

    uv run python -m tests.bench.checking [--rounds 9]

The answer is the whole file with two small changes. Each file type is checked at 500 to 50,000 lines. The
figures are medians of CPU time in milliseconds, without the model's time; ``growth`` is the ratio to the
length before it.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from server.offload.asking.plan import make_plan
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


KINDS: dict[str, tuple[str, str, Callable[[int], str], str, tuple[str, str]]] = {
    "Python": (
        "steps.py",
        '"""Steps."""\n\nimport os\n\nROOT = os.sep\n\n\n',
        python,
        "",
        ("round(", "abs("),
    ),
    "Java": ("Steps.java", "class Steps extends Base {\n", java, "}\n", ("* rate", "+ rate")),
    "YAML": ("steps.yml", "stages: [test]\n", yaml, "", ("npm ci", "npm install")),
}


def main() -> None:
    """Print the medians of all file types and lengths."""
    parser = argparse.ArgumentParser(description="Time the checks of one answer.")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print("| file | lines | ms, median | growth |")
    for name in KINDS:
        last = 0.0
        for lines in LENGTHS:
            median = measure(name, lines, rounds)
            growth = f"{median / last:.1f} ×" if last else "–"
            print(f"| {name} | {lines:,} | {median:.0f} | {growth} |", flush=True)
            last = median


def measure(name: str, lines: int, rounds: int) -> float:
    """Return the median time of the checks, in milliseconds. Each round has texts of its own, so that no
    cache of an earlier round helps."""
    times: list[float] = []
    for number in range(rounds):
        file_name, head, part, tail, change = KINDS[name]
        before = head + "".join(part(number * 100_000 + each) for each in range(lines // 10)) + tail
        middle = len(before) // 2
        after = before[:middle] + before[middle:].replace(*change, 1)
        after = after.replace(*change, 1)
        source = Source(
            Path("/project", file_name), file_name, before, digest_of(before.encode()), 0, len(before)
        )
        target = Target(source.path, source.shown, source.digest, before)
        plan = make_plan(
            Task("Change two steps.", (file_name,), file_name), Reading((source,), target), 32_000
        )
        plan = replace(plan, kind="edit_file", edited=source, parts=())
        answer = Generation(f"```\n{after}```", "", "stop", 1, 1)
        began = time.process_time()
        verdict = check_answer(plan, answer)
        times.append((time.process_time() - began) * 1_000)
        if not verdict.passed:
            raise SystemExit(f"{name}: {verdict.reason}")
    return statistics.median(times)


if __name__ == "__main__":
    main()
