"""Configuration that other programs run automatically, which is written only with the user's approval."""

import posixpath
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from server.policy.files.protected_files import named_by

DATA = Path(__file__).with_name("executed.toml")
_WORKTREE = re.compile(r".*/\.(claude|codex|cursor)/worktrees/[^/]+/", re.IGNORECASE | re.DOTALL)
"""Agent folders that contain whole projects, such as ``.claude/worktrees/fix``."""


@dataclass(frozen=True)
class Executed:
    """An entry of ``executed.toml``."""

    patterns: tuple[str, ...]
    runs: str
    source: str
    when: Literal["", "checks"] = ""


@cache
def executed_files() -> tuple[Executed, ...]:
    """Return all entries."""
    entries = tomllib.loads(DATA.read_text(encoding="utf-8"))["file"]
    return tuple(Executed(**{**entry, "patterns": tuple(entry["patterns"])}) for entry in entries)


def executed_outputs(
    outputs: Iterable[str], project: Path | None, allowed: Iterable[str], *, checks: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the outputs that other programs run, and the programs that run them.

    Args:
        outputs: paths, relative to ``project`` or absolute.
        project: the project folder, whose own path matters: a file in the project ``~/.claude`` is
            configuration.
        allowed: patterns for exceptions.
        checks: whether checks are configured.
    """
    exceptions = tuple(allowed)
    entries = [entry for entry in executed_files() if checks or entry.when != "checks"]
    found: dict[str, None] = {}
    runs: dict[str, None] = {}
    for output in outputs:
        path = _inner(output, project)
        matching = [entry.runs for entry in entries if named_by(path, entry.patterns)]
        if matching and not named_by(path, exceptions):
            found[output] = None
            runs.update(dict.fromkeys(matching))
    return tuple(found), tuple(runs)


def _inner(output: str, project: Path | None) -> str:
    """Return the full path, minus the folders above a worktree."""
    path = output.replace("\\", "/")
    if project is not None and not Path(output).is_absolute():
        path = f"{project.as_posix()}/{path}"
    return _WORKTREE.sub("", posixpath.normpath(path), count=1)
