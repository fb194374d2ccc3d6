"""Strike a working hub with faults and see that nothing is lost: ``python -m tests.faults --faults 300``.

Clients write files, edit them and start batches through ``token-saver-mcp``, while at random moments the hub
is killed or put to sleep, a bridge is killed, a client goes, or the engine drops all connections. With
``--minutes 60`` it is the soak, which goes on for that long. At the end every file, the history, its sums,
the batches and the audit trail are compared with what the clients asked for and were told. Prints a table,
writes ``tests/bench/results/faults.json``; the exit status is 1 where anything was lost.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.campaign import Told, run_campaign
from tests.faults.consistency import find_faults
from tests.faults.scene import open_scene

RESULT = Path(__file__).parents[1] / "bench" / "results" / "faults.json"
ROUND = 40
"""Faults in one round. Each has a home of its own, and ends with a check of everything."""


def main() -> int:
    """Run rounds until there were enough faults, or the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    # The stand-in for the engine is cut off in the middle on purpose, and uvicorn would say so each time.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    faults: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    promised, problems, started = 0, list[str](), time.monotonic()
    seed = wanted.seed
    while _goes_on(wanted, sum(faults.values()), time.monotonic() - started):
        told, found = one_round(wanted.clients, min(ROUND, wanted.faults), seed)
        faults, calls, errors = faults + told.faults, calls + told.calls, errors + told.errors
        promised += len(told.promised)
        problems += [f"seed {seed}: {each}" for each in found]
        seed += 1
        print(f"{sum(faults.values())} faults, {len(problems)} problems", file=sys.stderr, flush=True)
    _print("fault", faults)
    _print("call", calls)
    _print("error that a client was told", errors)
    print(f"\n{promised:,} files were promised; {len(problems)} things were not as they should be.")
    for each in problems:
        print("-", each)
    figures = {"faults": faults, "calls": calls, "errors": errors, "promised": promised, "problems": problems}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 1 if problems else 0


def one_round(clients: int, faults: int, seed: int) -> tuple[Told, list[str]]:
    """Run one round on a scene of its own; return what was told, and what is not as it should be."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name, open_scene(Path(name)) as scene:
        told = run_campaign(scene, clients=clients, faults=faults, pause=(0.2, 2.0), seed=seed)
        return told, asyncio.run(find_faults(scene, told))


def _goes_on(wanted: argparse.Namespace, faults: int, seconds: float) -> bool:
    return seconds < wanted.minutes * 60 if wanted.minutes else faults < wanted.faults


def _print(title: str, counts: Counter[str]) -> None:
    print(f"\n| {title} | times |\n| --- | ---: |")
    for name, count in sorted(counts.items()):
        print(f"| {name} | {count:,} |")


if __name__ == "__main__":
    sys.exit(main())
