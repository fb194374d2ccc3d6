"""Finds a project's own checks by reading its files, without running anything.

The checks are proposed to the user and run only once the user has accepted them.
"""

from pathlib import Path

from server.execution.project_checks.javascript import javascript_checks
from server.execution.project_checks.manifests import folders_below
from server.execution.project_checks.others import other_checks
from server.execution.project_checks.python import python_checks
from server.execution.project_checks.values import FoundChecks, ProjectCheck

_WHOLE_TREE = frozenset(
    {
        "mvn",
        "gradle",
        "dotnet",
        "cargo check",
        "cargo test",
        "tox",
        "nox",
        "pytest",
        "unittest",
        "ruff",
        "mypy",
        "pyright",
        "eslint",
    }
)
"""Tools that also check subfolders. If one check contains another, only the outer one is kept."""


def find_project_checks(root: Path) -> FoundChecks:
    """Return the checks of a project and of any projects in its subfolders, fastest first."""
    root = root.resolve()
    unreadable: list[str] = []
    found: dict[tuple[str, Path], ProjectCheck] = {}
    for folder in folders_below(root, unreadable):
        for check in (*python_checks(folder), *javascript_checks(folder), *other_checks(folder)):
            if not (check.name in _WHOLE_TREE and _covered(check, found)):
                found.setdefault((check.name, check.folder), check)
    checks = sorted(found.values(), key=lambda each: (each.speed, len(each.folder.parts), each.name))
    return FoundChecks(tuple(checks), tuple(unreadable))


def _covered(check: ProjectCheck, found: dict[tuple[str, Path], ProjectCheck]) -> bool:
    return any((check.name, above) in found for above in check.folder.parents)
