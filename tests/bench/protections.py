"""Mutations of the protections in ``SECURITY.md``: ``python -m tests.bench.protections [WORD …]``.

For each entry of ``tests/policy/protections.toml`` one protection is taken out of a copy of the project, and
its test must fail there. A test that passes proves nothing. The command prints a table, writes it as JSON to
``tests/bench/results/protections.json``, and exits with 1 if a test passed. Words select entries by text.
All entries take about ten minutes on two cores.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "policy" / "protections.toml"
REPORT = Path(__file__).parent / "results" / "protections.json"
COPIED = ("server", "tray", "dashboard", "assets", "tests", "docs", "packaging", "skills")
SECONDS = 300
FAILED = 1
"""pytest's exit status if tests failed; others mean that it could not run them."""


@dataclass(frozen=True)
class Protection:
    """A protection, the change that takes it out, and the test that fails then."""

    takes_out: str
    file: str
    old: str
    new: str
    test: str


def protections() -> tuple[Protection, ...]:
    """Return all entries."""
    return tuple(Protection(**each) for each in tomllib.loads(DATA.read_text(encoding="utf-8"))["protection"])


def main() -> int:
    """Apply the chosen mutations one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*")
    words = parser.parse_args().words
    chosen = [each for each in protections() if all(word in str(each) for word in words)]
    with tempfile.TemporaryDirectory(prefix="protections-") as folder:
        copy = _copied(Path(folder))
        rows = []
        for each in chosen:
            rows.append(_row(copy, each))
            print(f"{rows[-1]['result']:<8} {rows[-1]['seconds']:>4} s  {each.takes_out}", flush=True)
    if not words:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    unproven = [row for row in rows if row["result"] != "failed"]
    print(f"{len(rows) - len(unproven)} of {len(rows)} tests fail without their protection.")
    return 1 if unproven else 0


def _copied(folder: Path) -> Path:
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for file in (*ROOT.glob("*.toml"), *ROOT.glob("*.md"), ROOT / "LICENSE"):
        shutil.copy(file, folder)
    return folder


def _row(copy: Path, each: Protection) -> dict[str, object]:
    file = copy / each.file
    text = file.read_text(encoding="utf-8")
    began = time.monotonic()
    if text.count(each.old) != 1:
        result = "stale"
    else:
        file.write_text(text.replace(each.old, each.new), encoding="utf-8")
        try:
            result = _outcome(copy, each.test)
        finally:
            file.write_text(text, encoding="utf-8")
    return {**asdict(each), "result": result, "seconds": round(time.monotonic() - began)}


def _outcome(copy: Path, test: str) -> str:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        f"tests/{test}",
    ]
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environ, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "failed"  # it waits for what the protection would have ended
    return {0: "passed", FAILED: "failed"}.get(done.returncode, f"status {done.returncode}")


if __name__ == "__main__":
    sys.exit(main())
