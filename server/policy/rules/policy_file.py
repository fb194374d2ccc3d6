"""Loads the user's policy file and reloads it after changes. If it has errors, the last good rules apply.

The file is ``policy.yaml`` or ``policy.json`` in the config folder, falling back to the bundled
``default.yaml``. While the file is broken, the last good rules stay active, even after a restart (the state
folder keeps their text). Without any good rules, every call is denied until the file is fixed. A dangling
link is treated as a broken file. If the file disappears, its rules stay active while the app runs, because
an editor may be rewriting it.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from server.bridge.own_folders import make_folder
from server.common.atomic_write import PRIVATE, replace_file
from server.common.errors import SettingsError
from server.common.events import EventBus, PolicyReloaded
from server.config.folders import Folders
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.document import MOST_BYTES
from server.policy.values import Policy

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("default.yaml")
DENY_ALL = Policy(format="intercept", default="deny")
_Stamp = tuple[str, int, int, int] | None


@dataclass(frozen=True)
class Loaded:
    """The active rules, the file they come from, and its error (empty if the file is valid)."""

    policy: Policy
    path: Path
    error: str = ""

    @property
    def until_then(self) -> str:
        """A sentence saying which rules apply until the file is fixed; empty if the file is valid."""
        if not self.error:
            return ""
        nothing_passes = self.policy is DENY_ALL
        return (
            "Until then every call is denied." if nothing_passes else "Until then the last valid rules apply."
        )


class PolicyFile:
    """Holds the active rules. ``current`` checks the file's date, so no watcher or delay is needed."""

    def __init__(self, folders: Folders, events: EventBus) -> None:
        self._folders = folders
        self._candidates = tuple(str(path) for path in candidates(folders))
        self._events = events
        self._stamp: _Stamp = None
        self._loaded: Loaded | None = None

    def current(self) -> Loaded:
        """Return the active rules."""
        stamp = self._look()
        if self._loaded is None or stamp != self._stamp:
            first = self._loaded is None
            self._stamp = stamp
            self._loaded = self._load()
            if not first or self._loaded.error:
                self._events.publish(PolicyReloaded(str(self._loaded.path), self._loaded.error))
        return self._loaded

    def _look(self) -> _Stamp:
        # Built once and without pathlib, which is ten times slower, because every call checks this.
        for path in self._candidates:
            try:
                status = os.stat(path)  # noqa: PTH116
            except OSError:
                if os.path.lexists(path):
                    return (path, 0, 0, 0)
                continue
            return (path, status.st_mtime_ns, status.st_size, status.st_ino)
        return None

    def _load(self) -> Loaded:
        try:
            path, text = read_policy_text(self._folders)
            if path == SHIPPED:
                self._refuse_loss()
            policy = parse_policy(text, path.name)
        except SettingsError as error:
            logger.error("%s", error)
            return self._fall_back(str(error))
        self._keep(path, text)
        return Loaded(policy, path)

    def _refuse_loss(self) -> None:
        """Refuse to lose the user's own rules.

        Raises:
            SettingsError: the user's own rules were active a moment ago.
        """
        if self._loaded is not None and self._loaded.path != SHIPPED:
            raise SettingsError(
                f"{self._folders.policy_file} is missing.",
                "Restore the file, or restart the app to continue without it.",
            )

    def _fall_back(self, error: str) -> Loaded:
        if self._loaded is not None:
            return Loaded(self._loaded.policy, self._loaded.path, error)
        kept = _last_good(self._folders)
        try:
            text = kept.read_text(encoding="utf-8")
            return Loaded(parse_policy(text, kept.name), kept, error)
        except (OSError, UnicodeDecodeError, SettingsError):
            return Loaded(DENY_ALL, kept, error)

    def _keep(self, path: Path, text: str) -> None:
        kept = _last_good(self._folders)
        try:
            if path == SHIPPED:
                kept.unlink(missing_ok=True)
            else:
                make_folder(kept.parent)
                replace_file(kept, text.encode(), mode=PRIVATE)
        except OSError as error:
            logger.warning("cannot save the last good policy: %s", error)


def candidates(folders: Folders) -> tuple[Path, ...]:
    """Return the possible paths for the user's policy."""
    return (folders.policy_file, folders.policy_file.with_suffix(".json"))


def read_policy_text(folders: Folders) -> tuple[Path, str]:
    """Return the policy file in use and its text.

    Raises:
        SettingsError: the file cannot be read, or two policy files exist.
    """
    found = [path for path in candidates(folders) if os.path.lexists(path)]
    if len(found) > 1:
        raise SettingsError(
            f"There are two policy files, {found[0].name} and {found[1].name}.", "Remove one of them."
        )
    path = found[0] if found else SHIPPED
    try:
        with path.open("rb") as file:
            return path, file.read(MOST_BYTES + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.", "Fix the file, or remove it and restart the app."
        ) from None


def _last_good(folders: Folders) -> Path:
    return folders.state / "policy.last-good"
