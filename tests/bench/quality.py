"""How often is what lands on disk right? 41 small chores on the embedded engine, with and without checks.

    uv run python tests/bench/quality.py [--model qwen2.5-coder-1.5b] [--only NAME] [--json FILE]

Each chore runs once through the whole pipeline. *With checks* is what the pipeline did. *Without* is what
a tool without checks would have done with the very same first answer: fences removed, edit applied where it
can be, and written. A hidden check decides what is right; the model never sees it, and it runs in a
process of its own, in the chore's own folder.
"""

import argparse
import asyncio
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.folders import find_folders
from server.hub import Hub
from server.offload.values import Caller, Outcome, Task
from server.settings import BackendSettings, EmbeddedSettings, load_settings

CHORES = Path(__file__).with_name("chores.toml")
VERIFY_SECONDS = 60
CHECKS = {"test": f"{shlex.quote(sys.executable)} -m pytest -q -p no:cacheprovider {{file}}"}
"""What a user would have in ``[checks]``; the chores that write tests name it."""
RIGHT, WRONG, NOTHING = "right", "wrong", "handed back"


@dataclass(frozen=True)
class Result:
    """What became of one chore, with the checks and without."""

    name: str
    kind: str
    checked: str
    unchecked: str
    attempts: int
    seconds: float
    reason: str


def main() -> None:
    """Run the chores and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    chores = tomllib.loads(CHORES.read_text(encoding="utf-8"))["chore"]
    chosen = [chore for chore in chores if options.only in chore["name"]]
    results = asyncio.run(_run_all(chosen, options.model))
    _print(results, options.model)
    if options.json:
        rows = [asdict(result) for result in results]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


async def _run_all(chores: list[dict[str, Any]], model: str) -> list[Result]:
    folders = find_folders()
    settings = load_settings(folders).model_copy(
        update={
            "backend": BackendSettings(kind="embedded"),
            "embedded": EmbeddedSettings(model=model),
            "checks": CHECKS,
        }
    )
    hub = Hub(settings, folders)
    await hub.start()
    try:
        results = []
        for chore in chores:
            results.append(await _run(hub, chore))
            print(f"{len(results)}/{len(chores)} {results[-1]}", file=sys.stderr, flush=True)
        return results
    finally:
        await hub.close()


async def _run(hub: Hub, chore: dict[str, Any]) -> Result:
    with tempfile.TemporaryDirectory(prefix="chore-") as name:
        folder = Path(name).resolve()
        _lay_out(folder, chore)
        task = Task(
            task=chore["task"],
            files=tuple(chore.get("inputs", ())),
            output=chore.get("output"),
            output_format=chore.get("output_format", "code"),
            check=chore.get("check"),
        )
        caller = Caller("bench", "bench", folder, (folder,))
        started = time.monotonic()
        outcome = await hub.offloader.run(task, caller, _silent)
        seconds = time.monotonic() - started
        checked = _judge(folder, chore, outcome)
        unchecked = _judge_first_answer(folder, chore, outcome)
        reason = "" if outcome.name in {"delivered", "returned"} else outcome.text.splitlines()[0][:120]
        return Result(
            chore["name"], chore["kind"], checked, unchecked, len(outcome.attempts), seconds, reason
        )


def _lay_out(folder: Path, chore: dict[str, Any]) -> None:
    """Write the chore's files, a copy of each as it was before, and the mutants that tests must find."""
    for name, text in chore.get("files", {}).items():
        filler = _filler(chore.get("filler", 0))
        half = len(filler) // 2
        parts = ["\n\n\n".join(filler[:half]), text.strip("\n"), "\n\n\n".join(filler[half:])]
        _write(folder / name, "\n\n\n".join(part for part in parts if part) + "\n")
    for name, log in chore.get("log", {}).items():
        _write(folder / name, _log(log["lines"], log["errors"]))
    for name, text in chore.get("mutant", {}).items():
        _write(folder / ".mutant" / name, text)
    for path in list(folder.iterdir()):
        if path.is_file():
            _write(folder / ".before" / path.name, path.read_text(encoding="utf-8"))


def _filler(lines: int) -> list[str]:
    """Return ordinary functions of five lines each, ``lines`` in all."""
    return [
        f"def rate_{number}(amount, days):\n"
        f"    if days <= {number % 9}:\n"
        f"        return amount\n"
        f"    factor = 1 + {number % 13} / 100\n"
        f"    return round(amount * factor, 2)"
        for number in range(lines // 7)
    ]


def _log(lines: int, errors: dict[str, str]) -> str:
    rows = [f"INFO worker: request {1000 + n} served in {(n * 37) % 90 + 3} ms" for n in range(1, lines + 1)]
    for line, text in errors.items():
        rows[int(line) - 1] = text
    stamps = (f"2026-11-03T10:{n // 60:02}:{n % 60:02}Z" for n in range(1, lines + 1))
    return "".join(f"{stamp} {row}\n" for stamp, row in zip(stamps, rows, strict=True))


def _judge(folder: Path, chore: dict[str, Any], outcome: Outcome) -> str:
    if outcome.name == "returned":
        _write(folder / ".answer", outcome.text)
    elif outcome.name != "delivered":
        return NOTHING
    return RIGHT if _verified(folder, chore) else WRONG


def _judge_first_answer(folder: Path, chore: dict[str, Any], outcome: Outcome) -> str:
    """Judge what the first answer alone would have left, had nothing checked it."""
    if not outcome.attempts:
        return NOTHING
    text = outcome.attempts[0].verdict.text or outcome.attempts[0].generation.text
    if not text.strip():
        return WRONG
    for path in (folder / ".before").glob("*") if (folder / ".before").exists() else ():
        shutil.copy(path, folder / path.name)
    _write(folder / (chore.get("output") or ".answer"), text)
    return RIGHT if _verified(folder, chore) else WRONG


def _verified(folder: Path, chore: dict[str, Any]) -> bool:
    script = f"import sys; sys.path.insert(0, '.')\n{chore['verify']}"
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-c", script],
            cwd=folder,
            capture_output=True,
            timeout=VERIFY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _print(results: list[Result], model: str) -> None:
    print(f"\n{len(results)} chores on {model}\n")
    print("| | right | wrong | handed back |\n| --- | ---: | ---: | ---: |")
    for label, column in (("without checks", "unchecked"), ("with checks and repair", "checked")):
        counts = Counter(getattr(result, column) for result in results)
        print(f"| {label} | {counts[RIGHT]} | {counts[WRONG]} | {counts[NOTHING]} |")
    print("\n| kind | without: right / wrong | with: right / wrong / handed back |\n| --- | --- | --- |")
    for kind in dict.fromkeys(result.kind for result in results):
        mine = [result for result in results if result.kind == kind]
        bare = Counter(result.unchecked for result in mine)
        full = Counter(result.checked for result in mine)
        print(f"| {kind} | {bare[RIGHT]} / {bare[WRONG]} | {full[RIGHT]} / {full[WRONG]} / {full[NOTHING]} |")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """The table is the report."""


if __name__ == "__main__":
    main()
