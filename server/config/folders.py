"""The app's folders: those from ``platformdirs``, or all under ``TOKEN_SAVER_HOME`` if it is set."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

from server.bridge.own_folders import begin_record, make_folder

APP_NAME = "token-saver"
HOME_VARIABLE = "TOKEN_SAVER_HOME"


@dataclass(frozen=True)
class Folders:
    """The app's folders, as absolute paths. ``create`` creates them.

    ``chosen`` is ``TOKEN_SAVER_HOME``, which can hold other things too; None for the default folders.
    """

    config: Path
    data: Path
    state: Path
    cache: Path
    chosen: Path | None = None

    @property
    def config_file(self) -> Path:
        """``config.toml``, written by the user."""
        return self.config / "config.toml"

    @property
    def policy_file(self) -> Path:
        """``policy.yaml``, written by the user."""
        return self.config / "policy.yaml"

    @property
    def accepted_checks(self) -> Path:
        """``accepted-checks.json``: the project checks the user has accepted."""
        return self.config / "accepted-checks.json"

    @property
    def check_places(self) -> Path:
        """``check-places.json``: where the ``[checks]`` run, and the questions the user has not answered
        yet.
        """
        return self.config / "check-places.json"

    @property
    def prices_file(self) -> Path:
        """``prices.toml``, the user's price table. The built-in table is used if it is missing."""
        return self.config / "prices.toml"

    @property
    def database(self) -> Path:
        """``history.db``, SQLite in WAL mode."""
        return self.data / "history.db"

    @property
    def models(self) -> Path:
        """GGUF files for the embedded engine."""
        return self.data / "models"

    @property
    def rescue_copies(self) -> Path:
        """Copies of file contents that a rollback would have overwritten; see ``offload.delivery``."""
        return self.data / "kept"

    @property
    def kept_texts(self) -> Path:
        """The full outputs that digest handles refer to; see ``digests.kept``."""
        return self.cache / "texts"

    @property
    def hub_file(self) -> Path:
        """``hub.json``: the URL, PID and version of the running hub."""
        return self.state / "hub.json"

    @property
    def token_file(self) -> Path:
        """``token``: the bearer token for ``/mcp``, mode 0600."""
        return self.state / "token"

    @property
    def log_file(self) -> Path:
        """``token-saver.log``; rotated."""
        return self.state / "token-saver.log"

    def create(self) -> None:
        """Create the folders with mode 0700. Record those that are made in a chosen folder.

        Raises:
            OSError: a folder cannot be created.
        """
        if self.chosen is not None and self.chosen.is_dir():
            begin_record(self.chosen)
        for folder in (self.config, self.data, self.state, self.cache):
            make_folder(folder)


def find_folders(environ: Mapping[str, str] | None = None) -> Folders:
    """Return the folders for this user, or the folders under ``TOKEN_SAVER_HOME``."""
    root = chosen_home(os.environ if environ is None else environ)
    if root is not None:
        return Folders(config=root, data=root, state=root, cache=root / "cache", chosen=root)
    dirs = PlatformDirs(APP_NAME, appauthor=False, roaming=False)
    return Folders(
        config=Path(dirs.user_config_dir),
        data=Path(dirs.user_data_dir),
        state=Path(dirs.user_state_dir),
        cache=Path(dirs.user_cache_dir),
    )


def chosen_home(environ: Mapping[str, str]) -> Path | None:
    """Return ``TOKEN_SAVER_HOME`` as an absolute path, or None if it is not set.

    Pass the path on to programs started later from a desktop or at login; they do not inherit the variable.
    """
    home = environ.get(HOME_VARIABLE)
    return Path(home).expanduser().absolute() if home else None
