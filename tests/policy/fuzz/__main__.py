"""Long fuzzing run: ``uv run python -m tests.policy.fuzz [TARGET…] --inputs 100000``.

Random bytes drive hypothesis' strategies, which is several times as fast as its own search. Prints a table
and keeps each target's figures in ``tests/bench/results/fuzz.json``; the exit status is 1 if a target failed.
With ``--atheris`` that package (``uv run --with atheris …``) guides the inputs by code coverage and reports
itself how many inputs it tried.
"""

import argparse
import contextlib
import json
import logging
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

if "--atheris" in sys.argv:
    import atheris

    instrumented = atheris.instrument_imports(include=["server"])
else:
    instrumented = contextlib.nullcontext()
with instrumented:
    from tests.policy.fuzz import test_fuzz, test_readers, test_tools

LONGEST = 4096
TOGETHER = 200
"""Concurrent calls of a tool."""
RESULT = Path(__file__).parents[2] / "bench" / "results" / "fuzz.json"
TARGETS: dict[str, Any] = {
    name.removeprefix("test_"): test
    for module in (test_fuzz, test_readers)
    for name, test in vars(module).items()
    if name.startswith("test_") and hasattr(test, "hypothesis")
}


@dataclass(frozen=True)
class Outcome:
    """Result of one target: the complete ``inputs`` tried, the time they took, and the number of failures."""

    target: str
    inputs: int
    seconds: float
    failures: int

    def __str__(self) -> str:
        return f"{self.target:<34}{self.inputs:>9,}{self.seconds:>9.0f}{self.failures:>10}"


def main() -> None:
    """Run the named targets, by default all."""
    tools = test_tools.named_tools()
    parser = argparse.ArgumentParser(prog="python -m tests.policy.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join([*TARGETS, *tools]))
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--atheris", action="store_true", help="for one target that is no tool")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # else every refused call is logged
    names = asked.targets or [*TARGETS, *tools]
    if asked.atheris:
        _lead_by_branches(TARGETS[names[0]], asked.inputs)
        return
    print(f"{'target':<34}{'inputs':>9}{'seconds':>9}{'failures':>10}", flush=True)
    outcomes = []
    for outcome in _outcomes(names, asked.inputs):
        print(outcome, flush=True)
        outcomes.append(outcome)
        _keep(outcome)
    sys.exit(any(outcome.failures for outcome in outcomes))


def _outcomes(names: list[str], inputs: int) -> Iterator[Outcome]:
    for name in (each for each in names if each in TARGETS):
        yield _run(name, TARGETS[name].hypothesis.fuzz_one_input, inputs)
    if chosen := [each for each in names if each not in TARGETS]:
        with tempfile.TemporaryDirectory() as home:
            server = test_tools.Server(Path(home).resolve())
            server.start()
            try:
                for name in chosen:
                    yield _run_tool(server, name, inputs)
            finally:
                server.stop()


def _run(name: str, try_one: Callable[[bytes], bytes | None], inputs: int) -> Outcome:
    """Try inputs until the given number was complete, or one failed."""
    began = time.monotonic()
    whole = 0
    for data in _inputs(name):
        if whole == inputs:
            break
        try:
            whole += try_one(data) is not None
        except Exception:  # noqa: BLE001 - whatever comes out is what is looked for
            traceback.print_exc()
            print(f"{name}: failed on {data.hex()}", file=sys.stderr)
            return Outcome(name, whole + 1, time.monotonic() - began, 1)
    return Outcome(name, whole, time.monotonic() - began, 0)


def _run_tool(server: test_tools.Server, name: str, inputs: int) -> Outcome:
    """Call a tool with the given number of arguments, concurrently, until some calls fail the check."""
    drawn: list[dict[str, Any]] = []
    draw: Any = test_tools.drawing(server, name, drawn.append)
    before = server.files()
    began = time.monotonic()
    whole = 0
    for data in _inputs(name):
        if draw.hypothesis.fuzz_one_input(data) is None or len(drawn) < min(TOGETHER, inputs - whole):
            continue
        wrong = [each for each in server.call_all(name, drawn) if each[1]]
        whole += len(drawn)
        drawn.clear()
        for arguments, problem in wrong:
            print(f"{name}: {problem}\nfailed on {arguments!r}", file=sys.stderr)
        if whole >= inputs or wrong:
            changed = server.files() != before
            return Outcome(name, whole, time.monotonic() - began, len(wrong) + changed)
    raise AssertionError("inputs never end")


def _inputs(name: str) -> Iterator[bytes]:
    choose = random.Random(name)
    while True:
        yield choose.randbytes(choose.choice((256, 1024, LONGEST)))


def _keep(outcome: Outcome) -> None:
    kept = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    figures = asdict(outcome) | {"seconds": round(outcome.seconds)}
    kept[figures.pop("target")] = figures
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(dict(sorted(kept.items())), indent=2), encoding="utf-8")


def _lead_by_branches(test: Any, inputs: int) -> None:
    options = [f"-runs={inputs}", f"-max_len={LONGEST}", "-len_control=0"]
    atheris.Setup([sys.argv[0], *options], test.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
