"""Mutations of the protections in ``SECURITY.md``: ``python -m tests.bench.protections [WORD …]``.

For each entry of ``tests/policy/protections.toml`` one protection is taken out of a copy of the project, and
its test must fail there. A test that passes proves nothing, and neither does one whose fixture fails or that
takes too long, unless its entry says that it waits. The command prints a table with the reason for each
failure, writes it as JSON to ``tests/bench/results/protections.json``, and exits with 1 if a protection is
unproven. Words select entries by text. All entries take about ten minutes on two idle cores.
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
    """A protection, the change that takes it out, and the test that fails then. ``waits`` means that the test
    waits without end instead.
    """

    takes_out: str
    file: str
    old: str
    new: str
    test: str
    waits: bool = False


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
            result, seconds, reason = (rows[-1][key] for key in ("result", "seconds", "reason"))
            print(f"{result:<8} {seconds:>4} s  {each.takes_out}: {reason}", flush=True)
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
    began, reason = time.monotonic(), ""
    if text.count(each.old) != 1:
        result = "stale"
    else:
        file.write_text(text.replace(each.old, each.new), encoding="utf-8")
        try:
            result, reason = _outcome(copy, each)
        finally:
            file.write_text(text, encoding="utf-8")
    seconds = round(time.monotonic() - began)
    return {**asdict(each), "result": result, "reason": reason, "seconds": seconds}


def _outcome(copy: Path, each: Protection) -> tuple[str, str]:
    """Return the result of the test and the reason for its failure."""
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
        "-rfE",
        f"tests/{each.test}",
    ]
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "400"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return ("failed" if each.waits else "too long"), f"it did not end within {SECONDS} s"
    lines = done.stdout.splitlines()
    reason = next((line for line in lines if line.startswith(("FAILED ", "ERROR "))), "").partition(" - ")[2]
    if done.returncode == FAILED and any(line.startswith("ERROR ") for line in lines):
        return "error", reason  # a fixture failed, so the test did not run
    return {0: "passed", FAILED: "failed"}.get(done.returncode, f"status {done.returncode}"), reason


if __name__ == "__main__":
    sys.exit(main())
