"""The chores of the benchmark: what the caller says, and the hidden check of the result."""

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.support import verifying

FOLDER = Path(__file__).with_name("chores")
KINDS = ("functions", "languages", "edits", "tests", "questions", "documents")
TEST_TASK = "Write pytest tests for {module}: every function, every rule, edge cases and errors."
LEAST_MUTANTS = 0.5
"""Share of a chore's own mutants that generated tests have to notice."""
_SECONDS = 60


@dataclass(frozen=True)
class Chore:
    """One chore. ``held`` chores are run once, after every prompt and threshold is settled."""

    name: str
    kind: str
    task: str
    held: bool = False
    language: str = "Python"
    output: str = ""
    inputs: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    filler: int = 0
    verify: str = ""
    mutants: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def arguments(self, *, examples: bool) -> dict[str, Any]:
        """Return the arguments of the call."""
        given = {"task": self.task, "files": list(self.inputs), "output": self.output}
        if self.kind == "questions":
            given["output_format"] = "explanation"
        if examples and self.examples:
            given["examples"] = list(self.examples)
        return given


def read_chores() -> list[Chore]:
    """Return all chores, in the order of the kinds."""
    return [
        _chore(kind, each)
        for kind in KINDS
        for each in tomllib.loads((FOLDER / f"{kind}.toml").read_text(encoding="utf-8"))["chore"]
    ]


def lay_out(chore: Chore, folder: Path) -> None:
    """Write the chore's files, and a copy of each in ``.before``."""
    filler = _filler(chore.filler)
    half = len(filler) // 2
    for name, text in chore.files.items():
        parts = ["\n\n\n".join(filler[:half]), text.strip("\n"), "\n\n\n".join(filler[half:])]
        whole = "\n\n\n".join(part for part in parts if part) + "\n"
        for path in (folder / name, folder / ".before" / name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(whole, encoding="utf-8")


def is_right(chore: Chore, folder: Path, returned: str | None) -> bool:
    """Tell whether a result that was delivered is right. ``returned`` is the text, None for a file."""
    if chore.kind == "questions":
        text = returned or ""
        found = [each in text for each in chore.has] + [bool(re.search(each, text)) for each in chore.matches]
        return all(found) and not any(each in text for each in chore.lacks)
    if chore.kind == "tests":
        return _notices_mutants(chore, folder)
    before = verifying.BEFORE.format(folder=str(Path(verifying.__file__).parents[3]))
    return _succeeds([sys.executable, "-B", "-c", before + chore.verify], folder)


def _chore(kind: str, given: dict[str, Any]) -> Chore:
    values = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
    if kind == "tests":
        module = Path(next(iter(values["files"]))).stem
        values |= {"task": TEST_TASK.format(module=module), "output": f"test_{module}.py"}
    return Chore(kind=kind, **{"inputs": tuple(values.get("files", ())), **values})


def _notices_mutants(chore: Chore, folder: Path) -> bool:
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", chore.output]
    if not _succeeds(command, folder):
        return False
    [name] = chore.files
    path = folder / name
    right = path.read_text(encoding="utf-8")
    noticed = 0
    for mutant in chore.mutants:
        old, _, new = mutant.partition(" -> ")
        if old not in right:
            raise ValueError(f"{chore.name}: the mutant {mutant!r} does not fit")
        path.write_text(right.replace(old, new, 1), encoding="utf-8")
        noticed += not _succeeds(command, folder)
    path.write_text(right, encoding="utf-8")
    return noticed >= LEAST_MUTANTS * len(chore.mutants)


def _succeeds(command: list[str], folder: Path) -> bool:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _filler(lines: int) -> list[str]:
    """Return ordinary functions of five lines each, about ``lines`` in total."""
    return [
        f"def rate_{number}(amount, days):\n"
        f"    if days <= {number % 9}:\n"
        f"        return amount\n"
        f"    factor = 1 + {number % 13} / 100\n"
        f"    return round(amount * factor, 2)"
        for number in range(lines // 7)
    ]
