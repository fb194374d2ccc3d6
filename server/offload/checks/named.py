"""The user's named checks, as ``config.toml`` has them now: whoever adds one need not start the app again."""

from collections.abc import Mapping
from pathlib import Path

from server.config.folders import Folders
from server.config.settings import load_settings


class NamedChecks:
    """The commands by name. What is given holds until the file is changed; then what the settings say."""

    def __init__(self, checks: Mapping[str, str], folders: Folders) -> None:
        self._folders = folders
        self.use(checks)

    def use(self, checks: Mapping[str, str]) -> None:
        """Let these be the checks, until the file is changed from now on."""
        self.known = checks
        self._seen = _stamp(self._folders.config_file)

    def current(self) -> Mapping[str, str]:
        """Return the checks, reading the settings again where their file is not the one last seen; blocks.

        Raises:
            SettingsError: the settings cannot be read.
        """
        stamp = _stamp(self._folders.config_file)
        if stamp != self._seen:
            self.known = load_settings(self._folders).checks
            self._seen = stamp  # taken before reading: a change meanwhile is seen the next time
        return self.known


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with a file's contents, None where there is no file to look at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
