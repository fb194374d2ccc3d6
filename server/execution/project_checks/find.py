"""The search for a project's own checks: its files are read, nothing is run.

The checks found are proposed to the user. A check runs only after the user has accepted it.
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
"""Tools whose check of a folder covers its subfolders. If one check contains the other, only the outer check
stays.
"""


def find_project_checks(root: Path) -> FoundChecks:
    """Return the checks of a project and of the projects in its folders, fastest first."""
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
