"""A fault in each room, which the fast group must notice: ``python -m tests.bench.rooms [ROOM …]``.

For each entry of ``rooms.toml`` one line of a room is changed in a copy of the project, and ``pytest -m
fast`` must fail there. Prints a table with the first test that failed. Exits with 1 if a fault went
unnoticed.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.bench.protections import ROOT, copy_of_project

DATA = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Fault:
    """A changed line of a room."""

    room: str
    file: str
    old: str
    new: str


def faults() -> tuple[Fault, ...]:
    """Return all entries."""
    return tuple(Fault(**each) for each in tomllib.loads(DATA.read_text(encoding="utf-8"))["fault"])


def rooms() -> set[str]:
    """Return the packages that a fault is needed for: ``dashboard``, ``tray`` and each part of ``server``."""
    inner = {f"server/{each.parent.name}" for each in ROOT.glob("server/*/__init__.py")}
    return {"dashboard", "tray", "server/hub.py", *inner}


def main() -> int:
    """Put in the chosen faults, one after the other."""
    chosen = [each for each in faults() if not sys.argv[1:] or each.room in sys.argv[1:]]
    noticed = 0
    with tempfile.TemporaryDirectory(prefix="rooms-") as folder:
        copy = copy_of_project(Path(folder))
        if test := _first_failure(copy):
            print(f"Without a fault, {test} fails; no fault was tried.")
            return 1
        for each in chosen:
            test = _noticed_by(copy, each)
            noticed += bool(test)
            print(f"{each.room:<24} {test or 'NOT NOTICED'}", flush=True)
    print(f"The fast group notices {noticed} of {len(chosen)} faults.")
    return 0 if noticed == len(chosen) else 1


def _noticed_by(copy: Path, fault: Fault) -> str:
    path = copy / fault.file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(fault.old, fault.new, 1), encoding="utf-8")
    try:
        return _first_failure(copy)
    finally:
        path.write_text(text, encoding="utf-8")


def _first_failure(copy: Path) -> str:
    """Return the first test of the fast group that fails, or empty if none does."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "fast", "-p", "no:cacheprovider", "-rfE"]
    # These read the lists of changed lines, so they would notice any change of them.
    command += [
        f"--deselect=tests/{each}" for each in ("docs/test_room_faults.py", "policy/test_protections.py")
    ]
    environ = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False)
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if done.returncode != 0 and not failed:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return failed[0] if failed else ""


if __name__ == "__main__":
    sys.exit(main())
