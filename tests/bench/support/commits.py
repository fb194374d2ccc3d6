"""Small commits of a repository, file by file."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_LINES = 60
"""Changed lines of a small commit."""
MOST_FILES = 6
LARGEST = 60_000
"""Bytes of a file that a model would be asked to edit."""


@dataclass(frozen=True)
class Edited:
    """One file of one commit, before and after."""

    commit: str
    message: str
    path: str
    before: bytes
    after: bytes


def edited_files(repository: Path, most: int) -> Iterator[Edited]:
    """Yield the files that small commits edit, the newest first; of ``most`` commits."""
    log = _git(repository, "log", "--no-merges", "--format=%H", f"-{most * 12}").decode().split()
    taken: set[str] = set()
    for commit in log:
        if len(taken) >= most:
            return
        numbers = _git(repository, "show", "--numstat", "--format=", "--diff-filter=M", "-M", commit).decode(
            errors="replace"
        )
        rows = [line.split("\t") for line in numbers.split("\n") if line.count("\t") == 2]
        if not rows or len(rows) > MOST_FILES or any("-" in row[:2] for row in rows):
            continue
        if sum(int(row[0]) + int(row[1]) for row in rows) > MOST_LINES:
            continue
        message = _git(repository, "log", "-1", "--format=%B", commit).decode(errors="replace").strip()
        for _, _, path in rows:
            if " => " in path or path.startswith('"'):
                continue
            before = _git(repository, "show", f"{commit}^:{path}")
            after = _git(repository, "show", f"{commit}:{path}")
            if 0 < len(before) <= LARGEST and after.strip() and before.split() != after.split():
                taken.add(commit)
                yield Edited(commit[:10], message, path, before, after)


def _git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False).stdout
