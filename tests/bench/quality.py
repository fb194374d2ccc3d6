"""Benchmark of correctness: small chores on the embedded engine, with and without checks.

    uv run python -m tests.bench.quality [--model qwen2.5-coder-1.5b] [--only NAME,KIND] [--json FILE]

Each chore runs once through the whole pipeline. Three ways of working are compared on the same answers:

- *unchecked*: what a tool without checks would have written from the first answer: without fences, with the
  edit applied if possible;
- *built in*: the first answer that passed the app's built-in checks, else a hand-back;
- *all*: the pipeline's result, including the user's own check if the chore has one: the project's tests
  (``tests``, a few typical examples) or a run of the requested tests.

A hidden check, ``verify``, decides what is right. Neither the model nor the user's check sees it; it runs in
a separate process in the chore's folder. With ``--json`` every result is saved immediately, and chores in the
file are not run again.
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

from server.config.sections import BackendSettings, EmbeddedSettings
from server.config.settings import load_settings
from server.hub import Hub, open_hub
from server.offload.values import Attempt, Caller, Task
from tests.bench.support.home import own_home

CHORES = Path(__file__).with_name("chores.toml")
VERIFY_SECONDS = 60
_PYTEST = f"{shlex.quote(sys.executable)} -B -m pytest -q --tb=short -p no:cacheprovider"
CHECKS = {"test": f"{_PYTEST} {{file}}", "project": _PYTEST}
"""A user's ``[checks]``: chores that write tests name ``test``, chores in a project with tests name
``project``."""
RIGHT, WRONG, NOTHING = "right", "wrong", "handed back"
WAYS = {"the first answer, unchecked": "unchecked", "built-in checks and repair": "built_in",
        "with the user's check as well": "all"}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """Result of one chore: without checks, with the built-in ones, and with the user's own."""

    name: str
    kind: str
    unchecked: str
    built_in: str
    all: str
    attempts: list[dict[str, str]]
    seconds: float
    reason: str


def main() -> None:
    """Run the chores and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--only", default="", help="names or kinds of chores, parted by commas")
    parser.add_argument("--json", type=Path, help="where results are kept, chore by chore")
    options = parser.parse_args()
    chores = tomllib.loads(CHORES.read_text(encoding="utf-8"))["chore"]
    if options.only:
        wanted = set(options.only.split(","))
        chores = [chore for chore in chores if {chore["name"], chore["kind"]} & wanted]
    kept = _Kept(options.json)
    asyncio.run(
        _run_all([chore for chore in chores if chore["name"] not in kept.results], options.model, kept)
    )
    _print([kept.results[chore["name"]] for chore in chores], options.model)


class _Kept:
    """The results so far, saved if a file was named, so that a long run can be continued."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        rows = json.loads(path.read_text(encoding="utf-8")) if path is not None and path.exists() else []
        self.results = {row["name"]: Result(**row) for row in rows}

    def add(self, result: Result) -> None:
        self.results[result.name] = result
        if self._path is not None:
            rows = [asdict(each) for each in self.results.values()]
            self._path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


async def _run_all(chores: list[dict[str, Any]], model: str, kept: _Kept) -> None:
    with own_home(model) as folders:
        settings = load_settings(folders).model_copy(
            update={
                "backend": BackendSettings(kind="embedded"),
                "embedded": EmbeddedSettings(model=model),
                "checks": CHECKS,
            }
        )
        async with open_hub(settings, folders) as hub:
            for number, chore in enumerate(chores, start=1):
                result = await _run(hub, chore)
                kept.add(result)
                print(f"{number}/{len(chores)} {_line(result)}", file=sys.stderr, flush=True)


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
        attempts = outcome.attempts
        first = attempts[0].verdict.text or attempts[0].generation.text if attempts else None
        accepted = next((each.verdict.text for each in attempts if _passed_built_in(each)), None)
        failed = outcome.name not in ("delivered", "returned")
        return Result(
            name=chore["name"],
            kind=chore["kind"],
            all=NOTHING if failed else _judge(folder, chore, None if outcome.delivery else outcome.text),
            unchecked=_judge_text(folder, chore, first),
            built_in=_judge_text(folder, chore, accepted),
            attempts=[_described(each) for each in attempts],
            seconds=round(seconds, 1),
            reason=outcome.text.splitlines()[0] if failed else "",
        )


def _passed_built_in(attempt: Attempt) -> bool:
    return all(check.passed or check.name.startswith("check ") for check in attempt.verdict.checks)


def _described(attempt: Attempt) -> dict[str, str]:
    failure = attempt.verdict.failure
    return {
        "answer": attempt.generation.text,
        "checks": ", ".join(check.name for check in attempt.verdict.checks),
        "failure": f"{failure.name}: {failure.message}" if failure else "",
    }


def _line(result: Result) -> str:
    failures = "; ".join(each["failure"].replace("\n", " ")[:90] for each in result.attempts)
    return (
        f"{result.name}: unchecked {result.unchecked}, built in {result.built_in}, all {result.all}, "
        f"{result.seconds:.0f} s {failures}"
    )


def _lay_out(folder: Path, chore: dict[str, Any]) -> None:
    """Write the chore's files, a copy of each original, and the mutants that tests must detect."""
    for name, text in chore.get("files", {}).items():
        filler = _filler(chore.get("filler", 0))
        half = len(filler) // 2
        parts = ["\n\n\n".join(filler[:half]), text.strip("\n"), "\n\n\n".join(filler[half:])]
        _write(folder / name, "\n\n\n".join(part for part in parts if part) + "\n")
    for name, log in chore.get("log", {}).items():
        _write(folder / name, _log(log["lines"], log["errors"]))
    if "tests" in chore:
        _write(folder / f"test_{Path(chore['output']).stem}.py", chore["tests"])
    for name, text in chore.get("mutant", {}).items():
        _write(folder / ".mutant" / name, text)
    for path in list(folder.iterdir()):
        if path.is_file():
            _write(folder / ".before" / path.name, path.read_text(encoding="utf-8"))


def _filler(lines: int) -> list[str]:
    """Return ordinary functions of five lines each, ``lines`` in total."""
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


def _judge_text(folder: Path, chore: dict[str, Any], text: str | None) -> str:
    """Judge a text as if it had been written; None means a hand-back."""
    if text is None:
        return NOTHING
    for path in (folder / ".before").glob("*") if (folder / ".before").exists() else ():
        shutil.copy(path, folder / path.name)
    if chore.get("output"):
        _write(folder / chore["output"], text)
    return _judge(folder, chore, text)


def _judge(folder: Path, chore: dict[str, Any], returned: str | None) -> str:
    if returned is not None:
        _write(folder / ".answer", returned)
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
    own = sum("check " in each["checks"] for result in results for each in result.attempts[-1:])
    print(f"\n{len(results)} chores on {model}, {own} of them with a check of the user's\n")
    print("| | right | wrong | handed back |\n| --- | ---: | ---: | ---: |")
    for label, column in WAYS.items():
        counts = Counter(getattr(result, column) for result in results)
        print(f"| {label} | {counts[RIGHT]} | {counts[WRONG]} | {counts[NOTHING]} |")
    lost = [
        f"{each.name} ({each.built_in}; with the user's check {each.all})"
        for each in results
        if each.unchecked == RIGHT and {each.built_in, each.all} != {RIGHT}
    ]
    repaired = [each.name for each in results if each.unchecked != RIGHT and each.all == RIGHT]
    print(f"\nRight first answers that ended otherwise: {', '.join(lost) or 'none'}.")
    print(f"Other first answers that ended right: {', '.join(repaired) or 'none'}.")
    print("\n| right / wrong / handed back |", " | ".join(WAYS), "|\n| --- | --- | --- | --- |")
    for kind in dict.fromkeys(result.kind for result in results):
        mine = [result for result in results if result.kind == kind]
        cells = []
        for column in WAYS.values():
            counts = Counter(getattr(result, column) for result in mine)
            cells.append(" / ".join(str(counts[name]) for name in (RIGHT, WRONG, NOTHING)))
        print(f"| {kind} |", " | ".join(cells), "|")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Print nothing; the table is the report."""


if __name__ == "__main__":
    main()
