"""Fault campaign against a working hub: ``python -m tests.faults --faults 400``.

Clients write files, edit them and start batches through ``token-saver-mcp``. At random moments the faults of
``strikes.py`` hit the hub, the bridges, the clients, the engine, the network, the disk, the database and the
clock. With ``--minutes 60`` it is the soak test of that length. After each round, every file, the history,
its sums, the batches and the audit trail are compared with the clients' requests and answers. The command
prints a table of faults, checks and losses and writes them as JSON (``--report FILE``, by default
``tests/bench/results/faults.json``). The exit status is 1 if anything was lost. 40 faults take about three
minutes on two cores.
"""

import argparse
import asyncio
import json
import platform
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.campaign import Told, run_campaign
from tests.faults.consistency import CHECKS, find_faults
from tests.faults.scene import open_scene
from tests.faults.strikes import FAULTS

REPORT = Path(__file__).parents[1] / "bench" / "results" / "faults.json"
ROUND = 40
"""Faults in one round. Each round has its own home folder and ends with a check of everything."""


@dataclass
class Found:
    """Findings of all rounds."""

    faults: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    promised: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, told: Told, problems: list[str], seed: int) -> None:
        """Add a round."""
        self.faults += told.faults
        self.calls += told.calls
        self.errors += told.errors
        self.rounds += 1
        self.promised += len(told.promised)
        self.problems += [f"seed {seed}: {each}" for each in problems]


def main() -> int:
    """Run rounds until the number of faults or the time limit is reached."""
    wanted = _arguments()
    found, started, seed = Found(), time.monotonic(), wanted.seed
    while _goes_on(wanted, found.faults.total(), time.monotonic() - started):
        count = ROUND if wanted.minutes else min(ROUND, wanted.faults - found.faults.total())
        found.add(*one_round(wanted.clients, count, seed, wanted.only or tuple(FAULTS)), seed)
        seed += 1
        print(f"{found.faults.total()} faults, {len(found.problems)} problems", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    _print(found, seconds)
    wanted.report.parent.mkdir(parents=True, exist_ok=True)
    wanted.report.write_text(json.dumps(_report(wanted, found, seconds), indent=2) + "\n", encoding="utf-8")
    return 1 if found.problems else 0


def one_round(clients: int, faults: int, seed: int, kinds: tuple[str, ...]) -> tuple[Told, list[str]]:
    """Run one round on its own scene; return the clients' records and everything that is wrong."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name, open_scene(Path(name)) as scene:
        told = run_campaign(scene, clients=clients, faults=faults, pause=(0.2, 2.0), seed=seed, kinds=kinds)
        return told, asyncio.run(find_faults(scene, told))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", nargs="+", choices=tuple(FAULTS), metavar="FAULT", help="names in strikes.py"
    )
    parser.add_argument("--report", type=Path, default=REPORT)
    return parser.parse_args()


def _goes_on(wanted: argparse.Namespace, faults: int, seconds: float) -> bool:
    return seconds < wanted.minutes * 60 if wanted.minutes else faults < wanted.faults


def _report(wanted: argparse.Namespace, found: Found, seconds: float) -> dict[str, Any]:
    return {
        "command": f"python -m tests.faults {' '.join(sys.argv[1:])}".strip(),
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "seconds": round(seconds),
        "clients": wanted.clients,
        "rounds": found.rounds,
        "faults": dict(sorted(found.faults.items())),
        "calls": dict(sorted(found.calls.items())),
        "errors": dict(sorted(found.errors.items())),
        "promised": found.promised,
        "checked": list(CHECKS),
        "problems": found.problems,
    }


def _print(found: Found, seconds: float) -> None:
    for title, counts in (
        ("fault", found.faults),
        ("call", found.calls),
        ("error that a client was told", found.errors),
    ):
        print(f"\n| {title} | times |\n| --- | ---: |")
        for name, count in sorted(counts.items()):
            print(f"| {name} | {count:,} |")
    print(f"\nChecked after each of {found.rounds} rounds:")
    for check in CHECKS:
        print("-", check)
    print(
        f"\n{found.faults.total():,} faults in {seconds / 60:.0f} minutes; {found.promised:,} files were "
        f"promised; {len(found.problems)} things were not as they should be."
    )
    for each in found.problems:
        print("-", each)


if __name__ == "__main__":
    sys.exit(main())
