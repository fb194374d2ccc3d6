"""The checks the user has accepted, per project. Only accepted checks are run.

Acceptance covers the exact command. If a check changes, it must be accepted again.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from server.bridge.own_folders import make_folder
from server.common.atomic_write import replace_file
from server.common.errors import SettingsError
from server.execution.project_checks.find import find_project_checks
from server.execution.project_checks.values import ProjectCheck

Place = Literal["sandbox", "outside"]
"""``outside``: with the user's own permissions. A check runs the project's code and code written by the
model.
"""


class AcceptedChecks:
    """The accepted checks of all projects, stored in a single app file. All methods block."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def accept(self, root: Path, checks: Iterable[tuple[ProjectCheck, Place]]) -> None:
        """Accept checks for a project, replacing those accepted before. An empty list withdraws them all.

        Raises:
            OSError: the file cannot be written.
            SettingsError: the file cannot be read.
        """
        known = self._read()
        known[str(root.resolve())] = {fingerprint(check): place for check, place in checks}
        self._write({project: each for project, each in known.items() if each})

    def of(self, root: Path) -> list[tuple[ProjectCheck, Place]]:
        """Return the accepted checks that still exist in the project, fastest first.

        Raises:
            SettingsError: the file cannot be read.
        """
        accepted = self._read().get(str(root.resolve()), {})
        if not accepted:
            return []
        found = ((check, accepted.get(fingerprint(check))) for check in find_project_checks(root).checks)
        return [(check, place) for check, place in found if place is not None]

    def _read(self) -> dict[str, dict[str, Place]]:
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from None
        try:
            found = json.loads(text)
            return {
                str(project): {str(name): place for name, place in each.items() if place in get_args(Place)}
                for project, each in found.items()
            }
        except (ValueError, AttributeError, RecursionError) as error:
            raise self._unreadable(str(error)) from None

    def _unreadable(self, reason: str) -> SettingsError:
        return SettingsError(
            f"{self._file} cannot be read: {reason}.",
            "Remove the file and accept the checks again: token-saver checks accept",
        )

    def _write(self, accepted: dict[str, dict[str, Place]]) -> None:
        make_folder(self._file.parent)
        replace_file(self._file, (json.dumps(accepted, indent=1, sort_keys=True) + "\n").encode())


def fingerprint(check: ProjectCheck) -> str:
    """Return a value that stays the same as long as the check's name, folder and commands do."""
    words = [check.name, str(check.folder), list(check.command), list(check.for_file)]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()
