"""The long form: ``uv run python -m tests.policy.fuzz [TARGET…] --inputs 100000``.

Random bytes choose what hypothesis' strategies make, which is several times as fast as its own search.
With ``--atheris`` that package (``uv run --with atheris …``) lets the code's branches lead it; it says itself
how many inputs it tried.
"""

import argparse
import contextlib
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable
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
TARGETS: dict[str, Any] = {
    name.removeprefix("test_"): test
    for module in (test_fuzz, test_readers)
    for name, test in vars(module).items()
    if name.startswith("test_") and hasattr(test, "hypothesis")
}


def main() -> None:
    """Run the targets that are named, else all."""
    tools = test_tools.named_tools()
    parser = argparse.ArgumentParser(prog="python -m tests.policy.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join([*TARGETS, *tools]))
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--atheris", action="store_true", help="for one target that is no tool")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # every refused call would be logged
    names = asked.targets or [*TARGETS, *tools]
    if asked.atheris:
        _lead_by_branches(TARGETS[names[0]], asked.inputs)
        return
    for name in (each for each in names if each in TARGETS):
        _run(name, TARGETS[name].hypothesis.fuzz_one_input, asked.inputs)
    if chosen := [each for each in names if each in tools]:
        with tempfile.TemporaryDirectory() as home:
            server = test_tools.Server(Path(home).resolve())
            server.start()
            for name in chosen:
                check: Any = test_tools.check_of(server, name)
                _run(name, check.hypothesis.fuzz_one_input, asked.inputs)
            server.stop()


def _run(name: str, try_one: Callable[[bytes], bytes | None], inputs: int) -> None:
    """Try inputs until so many were whole; for one that fails, its test's own error is raised."""
    choose = random.Random(name)
    began = time.monotonic()
    whole = 0
    while whole < inputs:
        data = choose.randbytes(choose.choice((256, 1024, LONGEST)))
        try:
            whole += try_one(data) is not None
        except BaseException:
            print(f"{name}: failed on {data.hex()}", file=sys.stderr)
            raise
    print(f"{name}: {whole:,} inputs in {time.monotonic() - began:.0f} s, nothing found", flush=True)


def _lead_by_branches(test: Any, inputs: int) -> None:
    options = [f"-runs={inputs}", f"-max_len={LONGEST}", "-len_control=0"]
    atheris.Setup([sys.argv[0], *options], test.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
