"""Fault campaign against a working hub: ``python -m tests.faults --faults 400``.

Clients write files, edit them and start batches through ``token-saver-mcp``, 64 more clients work over HTTP,
of which one floods the hub, and another client asks for files whose check tries to leave the sandbox. At
random moments the faults of ``strikes.py`` hit the hub, the bridges, the clients, the engine, the network,
the disk, the database and the clock. With ``--minutes 60`` it is the soak test of that length. After each
round, every file, the history, its sums, the batches and the audit trail are compared with the clients'
requests and answers. Each round also measures how long the quiet clients wait without the flood and with it.

The command prints a table of faults, checks and losses and writes them as JSON after each round (``--report
FILE``, by default ``tests/bench/results/faults.json``); ``--resume`` continues from such a report. The exit
status is 1 if anything was lost, an attack succeeded, or the quiet clients waited more than twice as long. 40
faults take about five minutes on two cores.
"""

import argparse
import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.attacks import Attacker
from tests.faults.campaign import Told, run_campaign
from tests.faults.consistency import CHECKS, find_faults
from tests.faults.crowd import Crowd, Waits
from tests.faults.scene import open_scene
from tests.faults.strikes import FAULTS

REPORT = Path(__file__).parents[1] / "bench" / "results" / "faults.json"
ROUND = 40
"""Faults in one round. Each round has its own home folder and ends with a check of everything."""


TURNS = 2
"""How often a round measures the quiet clients' waits without the flood and with it."""
MOST_RATIO = 2.0
"""How much longer the quiet clients may wait during the flood, by their median."""


@dataclass
class Found:
    """Findings of all rounds."""

    faults: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    attacks: Counter[str] = field(default_factory=Counter)
    waits: Waits = field(default_factory=Waits)
    rounds: int = 0
    promised: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def add(self, told: Told, waits: Waits, problems: list[str], seed: int) -> None:
        """Add a round."""
        self.faults += told.faults
        self.calls += told.calls
        self.errors += told.errors
        self.attacks += told.attacks
        self.waits.alone += waits.alone
        self.waits.flooded += waits.flooded
        self.rounds += 1
        self.promised += len(told.promised)
        self.problems += [f"seed {seed}: {each}" for each in problems]

    @property
    def failed(self) -> bool:
        """Whether anything is not as it should be."""
        ratio = self.waits.ratio
        return bool(self.problems) or (ratio is not None and ratio > MOST_RATIO)


def main() -> int:
    """Run rounds until the number of faults or the time limit is reached."""
    wanted = _arguments()
    found = _read(wanted.report) if wanted.resume else Found()
    while _goes_on(wanted, found.faults.total(), found.seconds):
        count = ROUND if wanted.minutes else min(ROUND, wanted.faults - found.faults.total())
        began, seed = time.monotonic(), wanted.seed + found.rounds
        found.add(*one_round(wanted.clients, count, seed, wanted.only or tuple(FAULTS)), seed)
        found.seconds += time.monotonic() - began
        wanted.report.parent.mkdir(parents=True, exist_ok=True)
        wanted.report.write_text(json.dumps(_report(wanted, found), indent=2) + "\n", encoding="utf-8")
        print(f"{found.faults.total()} faults, {len(found.problems)} problems", file=sys.stderr, flush=True)
    _print(found)
    return 1 if found.failed else 0


def one_round(clients: int, faults: int, seed: int, kinds: tuple[str, ...]) -> tuple[Told, Waits, list[str]]:
    """Run one round on its own scene; return the clients' records, the waits, and all that is wrong."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name, open_scene(Path(name)) as scene:
        told = Told()
        with Crowd(scene, told, seed) as crowd:
            with Attacker(scene, told, seed) as attacker:
                run_campaign(
                    scene, clients=clients, faults=faults, pause=(0.2, 2.0), seed=seed, kinds=kinds, told=told
                )
            crowd.measure(TURNS)
        return told, crowd.waits, attacker.breaches + asyncio.run(find_faults(scene, told))


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
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


def _goes_on(wanted: argparse.Namespace, faults: int, seconds: float) -> bool:
    return seconds < wanted.minutes * 60 if wanted.minutes else faults < wanted.faults


def _report(wanted: argparse.Namespace, found: Found) -> dict[str, Any]:
    return {
        "command": f"python -m tests.faults {' '.join(sys.argv[1:])}".strip(),
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "seconds": round(found.seconds),
        "clients": wanted.clients,
        "rounds": found.rounds,
        "faults": dict(sorted(found.faults.items())),
        "calls": dict(sorted(found.calls.items())),
        "errors": dict(sorted(found.errors.items())),
        "attacks": dict(sorted(found.attacks.items())),
        "wait_ratio": found.waits.ratio,
        "waits_alone": [round(each, 3) for each in found.waits.alone],
        "waits_flooded": [round(each, 3) for each in found.waits.flooded],
        "promised": found.promised,
        "checked": list(CHECKS),
        "problems": found.problems,
    }


def _read(report: Path) -> Found:
    """Return the findings in a report."""
    table = json.loads(report.read_text(encoding="utf-8"))
    counters = {name: Counter(table[name]) for name in ("faults", "calls", "errors", "attacks")}
    waits = Waits(table["waits_alone"], table["waits_flooded"])
    rest = {name: table[name] for name in ("rounds", "promised", "seconds", "problems")}
    return Found(**counters, waits=waits, **rest)


def _print(found: Found) -> None:
    for title, counts in (
        ("fault", found.faults),
        ("call", found.calls),
        ("error that a client was told", found.errors),
        ("attack from a check", found.attacks),
    ):
        print(f"\n| {title} | times |\n| --- | ---: |")
        for name, count in sorted(counts.items()):
            print(f"| {name} | {count:,} |")
    print(f"\nChecked after each of {found.rounds} rounds:")
    for check in CHECKS:
        print("-", check)
    for name, waits in (("alone", found.waits.alone), ("with the flood", found.waits.flooded)):
        if waits:
            print(f"- quiet clients {name}: {len(waits):,} answers, median {statistics.median(waits):.2f} s")
    print(
        f"\n{found.faults.total():,} faults in {found.seconds / 60:.0f} minutes; {found.promised:,} files "
        f"were promised; {len(found.problems)} things were not as they should be."
    )
    for each in found.problems:
        print("-", each)


if __name__ == "__main__":
    sys.exit(main())
