"""The user's named checks. They are reloaded when ``config.toml`` changes, so adding a check needs no
restart.
"""

from collections.abc import Mapping
from pathlib import Path

from server.config.folders import Folders
from server.config.settings import load_settings


class NamedChecks:
    """Check commands by name. The initial checks apply until the settings file changes."""

    def __init__(self, checks: Mapping[str, str], folders: Folders) -> None:
        self._folders = folders
        self.use(checks)

    def use(self, checks: Mapping[str, str]) -> None:
        """Use these checks until the settings file changes."""
        self.known = checks
        self._seen = _stamp(self._folders.config_file)

    def current(self) -> Mapping[str, str]:
        """Return the checks, reloading the settings if their file changed. Blocks.

        Raises:
            SettingsError: the settings cannot be read.
        """
        stamp = _stamp(self._folders.config_file)
        if stamp != self._seen:
            self.known = load_settings(self._folders).checks
            self._seen = (
                stamp  # taken before reading, so that the next call notices a change made during the read
            )
        return self.known


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return a stamp that changes with the file's content, or None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
