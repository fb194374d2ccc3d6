"""A project's own check."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

CheckKind = Literal["lint", "types", "tests", "everything"]
"""Kinds from fastest to slowest. ``everything`` is a project script that may do anything."""

FILE, TESTS, PACKAGE = "{file}", "{tests}", "{package}"
"""Placeholders in ``for_file``: the file; its related tests, one argument each; its folder, as
``./folder``.
"""

_ORDER: dict[CheckKind, int] = {"lint": 0, "types": 1, "tests": 2, "everything": 3}


@dataclass(frozen=True)
class ProjectCheck:
    """One of the project's checks.

    Attributes:
        name: the tool or the script (``npm run lint``).
        kind: what is checked.
        command: the command line for the whole check.
        for_file: the command line for a single file; empty if the tool cannot be limited to one.
        covers: suffixes of the files covered by the check; empty means all files.
        folder: the working folder.
        found_in: the file, and the part of it, where the check was found.
        rank: estimated slowness among checks of the same kind, from 0.
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
        """Sort key that puts the fastest checks first."""
        return (_ORDER[self.kind], self.rank)

    def concerns(self, file: Path) -> bool:
        """Return whether the check covers a file."""
        inside = file.is_relative_to(self.folder)
        return inside and (not self.covers or file.name.endswith(self.covers))

    def words_for(self, file: Path, tests: tuple[Path, ...] = ()) -> tuple[str, ...]:
        """Return the command line for one file, or for the whole check if it cannot be limited to a file.

        Args:
            file: an absolute path inside ``folder``.
            tests: the tests related to the file (``related.py``). If empty, all tests are run.
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
    """The result of a search for checks.

    Attributes:
        checks: one check per tool and folder, fastest first.
        unreadable: check files that could not be read, with the reason.
    """

    checks: tuple[ProjectCheck, ...]
    unreadable: tuple[str, ...] = ()


def _word(path: Path, folder: Path) -> str:
    """Return a path as a single argument that no program mistakes for an option."""
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
    return f"./{name}" if name.startswith("-") else name
