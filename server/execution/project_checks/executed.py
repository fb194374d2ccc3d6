"""Finds out whether tests executed the lines changed by a result."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType

from server.execution.project_checks.plugin.token_saver_executed_lines import MARK, WATCHED

PLUGIN = Path(__file__).with_name("plugin") / "token_saver_executed_lines.py"


def watching(file: Path) -> dict[str, str]:
    """Return the environment variables that make pytest record which lines of a file are executed."""
    return {"PYTHONPATH": str(PLUGIN.parent), "PYTEST_PLUGINS": PLUGIN.stem, WATCHED: str(file)}


def executed_lines(output: str) -> frozenset[int]:
    """Return the lines listed in pytest's report; empty if there is no report."""
    for line in reversed(output.splitlines()):
        if line.startswith(MARK):
            return frozenset(
                int(each) for each in line.removeprefix(MARK).strip().split(",") if each.isdigit()
            )
    return frozenset()


def covers_change(before: str, after: str, executed: Iterable[int]) -> bool:
    """Return whether every changed section inside a function of a Python file was executed at least once.

    Top-level code runs on every import, so executing it proves nothing.
    """
    ran = frozenset(executed)
    try:
        inside = frozenset(_function_lines(compile(after, "<after>", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    parts = [part & inside for part in _changed_parts(before, after)]
    parts = [part for part in parts if part]
    return bool(parts) and all(part & ran for part in parts)


def _changed_parts(before: str, after: str) -> Iterator[frozenset[int]]:
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    for kind, _, _, start, end in matcher.get_opcodes():
        if kind != "equal":
            yield frozenset(range(start + 1, end + 1))


def _function_lines(code: CodeType, *, in_function: bool = False) -> Iterator[int]:
    if in_function:
        first = code.co_firstlineno
        yield from (line for _, _, line in code.co_lines() if line is not None and line != first)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            is_function = bool(constant.co_flags & 0x02)  # CO_NEWLOCALS: a function, not a class body
            yield from _function_lines(constant, in_function=is_function)
