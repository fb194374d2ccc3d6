"""Benchmark of a turn of the real Claude Code with and without the digest hook.

``uv run python -m tests.bench.turn_time [--rounds N] [--turns N]`` lets Claude Code call Bash in a session of
each case, in turn with the others, 3 rounds by default: a small and a large result without the hook, both
with it, and the large one while no hub runs, the hub is dead, stopped or late, or the app's folder is gone.
The large result becomes a digest. Printed are the median and the shortest time between two requests of the
client, and what the hook added to both.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_digest_hook import (
    ClaudeCodeHarness,
    Trouble,
    bash,
    dead_hub,
    deleted_app,
    hub_of_hook,
    late_hub,
    no_hub,
    stopped_hub,
)

RESULT = Path(__file__).parent / "results" / "turn_time.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    gaps: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for size, case in CASES:
            gaps.setdefault((size, case), []).extend(_gaps(size, case, options.turns))
    rows = {}
    for (size, case), each in gaps.items():
        without = gaps[size, "no hook"]
        row = {
            "median": statistics.median(each),
            "added": statistics.median(each) - statistics.median(without),
            "shortest": min(each),
            "added_to_shortest": min(each) - min(without),
        }
        rows[f"{size}, {case}"] = row
        print(f"{size}, {case:12}", *(f"{name} {seconds * 1000:6.0f} ms" for name, seconds in row.items()))
    print(f"load {os.getloadavg()[0]:.0f}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


@contextmanager
def running_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a hub that answers."""
    with hub_of_hook(folder, monkeypatch):
        yield


TROUBLES: dict[str, Trouble] = {
    "hub up": running_hub,
    "no hub": no_hub,
    "dead hub": dead_hub,
    "stopped hub": stopped_hub,
    "late hub": late_hub,
    "deleted app": deleted_app,
}
CASES = [
    ("small", "no hook"),
    ("small", "hub up"),
    ("large", "no hook"),
    *(("large", each) for each in TROUBLES),
]


def _gaps(size: str, case: str, turns: int) -> list[float]:
    """Return the times between the requests of a session (seconds)."""
    program = "echo" if size == "small" else "python3 run_tests.py"
    calls = [bash(f"{program} {number}") for number in range(turns)]
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as monkeypatch:
        claude = ClaudeCodeHarness(Path(name))
        if case == "no hook":
            return claude.run(calls, hook=False).gaps
        with TROUBLES[case](Path(name) / "hub", monkeypatch):
            return claude.run(calls).gaps


if __name__ == "__main__":
    main()
