"""Mutations of the protections in ``SECURITY.md``: ``python -m tests.bench.protections [WORD …]``.

For each entry of ``tests/policy/protections.toml`` one protection is taken out of a copy of the project, and
its test must fail there. A test that passes proves nothing, and neither does one whose fixture fails or that
takes too long, unless its entry says that it waits. The command prints a table with the reason for each
failure, and exits with 1 if a protection is unproven. Words select entries by text.

``tests/policy/proven.json`` records each proof with its date. ``--resume`` skips entries that it contains and
that have not changed since; ``--minutes`` starts no further test after this time. All entries take about ten
minutes on two idle cores.
"""

import argparse
import ast
import hashlib
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
PROVEN = ROOT / "tests" / "policy" / "proven.json"
COPIED = (".claude-plugin", "server", "tray", "dashboard", "assets", "tests", "docs", "packaging", "skills")
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


def proven() -> dict[str, dict[str, str]]:
    """Return the recorded proofs by the protection that each one takes out."""
    proofs: dict[str, dict[str, str]] = (
        json.loads(PROVEN.read_text(encoding="utf-8")) if PROVEN.exists() else {}
    )
    return proofs


def digest(each: Protection) -> str:
    """Return a hash of the mutation and of its test's source. A proof is valid for these alone."""
    file, _, name = each.test.partition("::")
    source = (ROOT / "tests" / file).read_text(encoding="utf-8")
    [test] = [node for node in ast.walk(ast.parse(source)) if getattr(node, "name", "") == name]
    return hashlib.sha256(f"{asdict(each)}{ast.get_source_segment(source, test)}".encode()).hexdigest()[:16]


def main() -> int:
    """Apply the chosen mutations one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    options = parser.parse_args()
    known = proven() if options.resume else {}
    chosen = [each for each in protections() if all(word in str(each) for word in options.words)]
    end = time.monotonic() + options.minutes * 60
    open_ = [each for each in chosen if known.get(each.takes_out, {}).get("mutation") != digest(each)]
    failed = len(chosen) - len(open_)
    open_.sort(key=lambda each: each.takes_out in known)  # those without any proof first
    with tempfile.TemporaryDirectory(prefix="protections-") as folder:
        copy = copy_of_project(Path(folder))
        for each in open_:
            if time.monotonic() > end:
                break
            result, reason, seconds = _row(copy, each)
            print(f"{result:<8} {seconds:>4} s  {each.takes_out}: {reason}", flush=True)
            failed += result == "failed"
            _record(each, result, reason)
    print(f"{failed} of {len(chosen)} tests fail without their protection.")
    return 1 if failed < len(chosen) else 0


def copy_of_project(folder: Path) -> Path:
    """Copy the project into a folder, and return it."""
    for name in COPIED:
        # Compiled modules are kept, since most of a test's time is the start of its programs.
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("results"))
    for file in (*ROOT.glob("*.toml"), *ROOT.glob("*.md"), ROOT / "LICENSE"):
        shutil.copy(file, folder)
    return folder


def _record(each: Protection, result: str, reason: str) -> None:
    """Record a proof, or remove one that no longer holds."""
    proofs = proven()
    proofs.pop(each.takes_out, None)
    if result == "failed":
        today = time.strftime("%Y-%m-%d")
        proofs[each.takes_out] = {"date": today, "mutation": digest(each), "failure": reason[:200]}
    current = {each.takes_out for each in protections()}
    kept = {name: proof for name, proof in sorted(proofs.items()) if name in current}
    PROVEN.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _row(copy: Path, each: Protection) -> tuple[str, str, int]:
    """Return the result, the reason and the seconds of one mutation."""
    file = copy / each.file
    text = file.read_text(encoding="utf-8")
    if text.count(each.old) != 1:
        return "stale", "", 0
    began = time.monotonic()
    file.write_text(text.replace(each.old, each.new), encoding="utf-8")
    try:
        result, reason = _outcome(copy, each)
    finally:
        file.write_text(text, encoding="utf-8")
    return result, reason, round(time.monotonic() - began)


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
    environ = {**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "400"}
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
