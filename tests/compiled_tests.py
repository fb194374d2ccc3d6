"""Compiled test modules, made before several workers would make them side by side.

In a new clone each worker compiled every test and every library that it imports, which took three times as
long as the imports themselves.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis.strategies import text

FOLDER = Path(__file__).parent
FEW = 50
"""Number of modules that the workers may as well compile themselves."""


def compile_tests(processes: int) -> None:
    """Let several processes compile the test modules that are not yet compiled, each a share of them.

    Meanwhile, let hypothesis store its table of characters, which takes four seconds.
    """
    missing = [str(each) for each in sorted(FOLDER.rglob("test_*.py")) if not _is_compiled(each)]
    if len(missing) <= FEW:
        missing = []
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "--numprocesses=0"]
    started = [
        subprocess.Popen(
            [*command, *missing[number::processes]],
            cwd=FOLDER.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(processes)
        if missing
    ]
    text().validate()
    for process in started:
        process.wait()  # a module that cannot be imported is reported by the workers


def _is_compiled(module: Path) -> bool:
    tag = f"{module.stem}.{sys.implementation.cache_tag}-pytest-{pytest.__version__}.pyc"
    return (module.parent / "__pycache__" / tag).exists()
