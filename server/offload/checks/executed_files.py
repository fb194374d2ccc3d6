"""Project files that other programs run, and installed packages. Checks must not change them."""

import os
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path

from server.policy.files.executed import executed_files
from server.policy.files.protected_files import named_by

INSTALLED = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules"})
"""Folders that a check may only read, along with everything in them."""


def unchangeable(project: Path) -> frozenset[Path]:
    """Return the project's files and folders that a check may only read. Blocks."""
    return frozenset(_found(project))


def _found(project: Path) -> Iterator[Path]:
    waiting = [(str(project), "")]
    while waiting:
        folder, inside = waiting.pop()
        for entry in _entries(folder):
            path = f"{inside}{entry.name}"
            if entry.name in INSTALLED or _is_executed_name(entry.name) or named_by(path, _patterns(True)):
                yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, f"{path}/"))


def _entries(folder: str) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # removed in the meantime, or not readable for a check either
        return ()


@lru_cache(10_000)
def _is_executed_name(name: str) -> bool:
    return named_by(name, _patterns(False))


@cache
def _patterns(with_folders: bool) -> tuple[str, ...]:
    """Return the patterns from ``executed.toml``, either for whole paths or for names.

    Files listed only because a check runs them are left out: this check has to run them.
    """
    patterns = (each for entry in executed_files() if not entry.when for each in entry.patterns)
    return tuple(each for each in patterns if ("/" in each) is with_folders)
