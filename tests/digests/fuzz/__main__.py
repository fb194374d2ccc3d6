"""Long fuzzing run of the recognisers: ``uv run python -m tests.digests.fuzz [SAMPLE…] [--rounds 50]``.

Every sample of ``tests/digests/samples`` goes through every kind of damage, ``--rounds`` times. Prints a row
for each sample: the inputs, the failures, the slowest input in seconds of CPU time for a megabyte, and how
much longer ten times the text takes. A failing input is saved in ``--keep``. Fails if a property is broken,
an input takes more than ``MOST_SECONDS`` for a megabyte, or ten times the text takes more than twelve times
as long.
"""

import argparse
import random
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from server.digests.engine import make_digest
from tests.digests import sheets
from tests.digests.fuzz.mutations import MUTATIONS
from tests.digests.fuzz.properties import broken

MOST_SECONDS = 8.0
"""CPU seconds for a megabyte of damaged text, which is several times as slow as a sound one."""
MOST_GROWTH = 12.0
LEAST_TEXT = 400_000
"""Bytes of the smaller text whose growth is measured."""


@dataclass(slots=True)
class _Row:
    """The figures of one sample."""

    inputs: int = 0
    failures: int = 0
    slowest: float = 0.0
    slowest_kind: str = ""
    growth: float = 0.0

    @property
    def missed(self) -> bool:
        return bool(self.failures) or self.slowest > MOST_SECONDS or self.growth > MOST_GROWTH


def main() -> None:
    """Fuzz the named samples, by default all."""
    parser = argparse.ArgumentParser(prog="python -m tests.digests.fuzz", description=__doc__)
    parser.add_argument("samples", nargs="*", default=sheets.names())
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for failing inputs")
    options = parser.parse_args()
    print("| sample | inputs | failures | s/MB at most | of | ten times the text |")
    print("| --- | ---: | ---: | ---: | --- | ---: |")
    rows = []
    for name in options.samples:
        row = _fuzzed(name, options.rounds, options.seed, options.keep)
        row.growth = _growth(sheets.load(name).data)
        cells = [
            f"{row.inputs:,}",
            str(row.failures),
            f"{row.slowest:.1f}",
            row.slowest_kind,
            f"{row.growth:.1f} ×",
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        rows.append(row)
    sys.exit(any(row.missed for row in rows))


def _fuzzed(name: str, rounds: int, seed: int, keep: Path | None) -> _Row:
    sample = sheets.load(name)
    row = _Row()
    for turn in range(rounds):
        for kind, mutate in MUTATIONS.items():
            chance = random.Random(f"{seed} {turn} {name} {kind}")
            data = mutate(sample.data, chance)
            if turn % 3 == 2:
                data = MUTATIONS[chance.choice(list(MUTATIONS))](data or b"\n", chance)
            began = time.process_time()
            make_digest(data, 2_000)
            seconds = (time.process_time() - began) / max(len(data) / 1e6, 0.1)
            if seconds > row.slowest:
                row.slowest, row.slowest_kind = seconds, kind
            row.inputs += 1
            if faults := _faults(data, sample.sheet, chance):
                row.failures += 1
                print(f"{name}, {kind}, round {turn}: {faults[:3]}", file=sys.stderr)
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{name}-{turn}-{kind.replace(' ', '-')}.txt").write_bytes(data)
    return row


def _faults(data: bytes, sheet: dict[str, list[str]], chance: random.Random) -> list[str]:
    try:
        return broken(data, sheet, chance.choice([None, 0, 1]))
    except Exception:  # noqa: BLE001  # any exception is a finding
        return [traceback.format_exc(limit=-3)]


def _growth(data: bytes) -> float:
    """Return how many times as long a text ten times as long takes, the shorter one timed twice."""
    small = data * (LEAST_TEXT // len(data) + 1)
    return _seconds(small * 10) / min(_seconds(small), _seconds(small))


def _seconds(data: bytes) -> float:
    began = time.process_time()
    make_digest(data, 2_000)
    return time.process_time() - began


if __name__ == "__main__":
    main()
