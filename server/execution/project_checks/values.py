"""A project's own check."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

CheckKind = Literal["lint", "types", "tests", "everything"]
"""Kinds from fastest to slowest. ``everything`` is a script of the project with unknown actions."""

FILE, TESTS, PACKAGE = "{file}", "{tests}", "{package}"
"""Words of ``for_file``: the file; the tests that concern it, one word each; its folder, as ``./folder``."""

_ORDER: dict[CheckKind, int] = {"lint": 0, "types": 1, "tests": 2, "everything": 3}


@dataclass(frozen=True)
class ProjectCheck:
    """One check.

    Attributes:
        name: the tool, or the script (``npm run lint``).
        kind: what the check examines.
        command: the words that run the whole check.
        for_file: the words that run the check for one file; empty if the tool cannot be limited to a file.
        covers: endings of the files that the check covers; empty for every file.
        folder: the working folder.
        found_in: the file, and its part, in which the check was found.
        rank: estimated slowness within its kind, from 0.
    """

    name: str
    kind: CheckKind
    command: tuple[str, ...]
    covers: tuple[str, ...]
    folder: Path
    found_in: str
    for_file: tuple[str, ...] = ()
    rank: int = 0

    @property
    def speed(self) -> tuple[int, int]:
        """Sort key that puts the fastest check first."""
        return (_ORDER[self.kind], self.rank)

    def concerns(self, file: Path) -> bool:
        """Return whether the check covers a file."""
        inside = file.is_relative_to(self.folder)
        return inside and (not self.covers or file.name.endswith(self.covers))

    def words_for(self, file: Path, tests: tuple[Path, ...] = ()) -> tuple[str, ...]:
        """Return the words that run the check for a file, or the whole check if it cannot be limited to a
        file.

        Args:
            file: an absolute path in ``folder``.
            tests: the tests that concern the file (``related.py``). Without tests, all are run.
        """
        if not self.for_file or (TESTS in self.for_file and not tests):
            return self.command
        name = _word(file, self.folder)
        package = f"./{PurePosixPath(name).parent}"
        words: list[str] = []
        for word in self.for_file:
            if word == TESTS:
                words += [_word(test, self.folder) for test in tests]
            else:
                words.append({FILE: name, PACKAGE: package}.get(word, word))
        return tuple(words)


@dataclass(frozen=True)
class FoundChecks:
    """Result of a search.

    Attributes:
        checks: fastest first; one check per tool and folder.
        unreadable: files with checks that cannot be read, with the reason.
    """

    checks: tuple[ProjectCheck, ...]
    unreadable: tuple[str, ...] = ()


def _word(path: Path, folder: Path) -> str:
    """Return a path as one word that no program interprets as an option."""
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
    return f"./{name}" if name.startswith("-") else name
