"""The user's policy file: read, read again when it changes, never lost to a typing error.

``policy.yaml`` or ``policy.json`` in the config folder, else the shipped ``default.yaml``. While the file is
broken the last good rules hold, also across a restart (their text is kept beside the state); where there
never were any, every call is denied until the file is mended. A link that leads nowhere is a broken file, and
rules whose file vanishes hold as long as the app runs: an editor may be about to write it anew.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

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
    """The rules in force, the file they are from, and what is wrong with the file (empty if nothing)."""

    policy: Policy
    path: Path
    error: str = ""

    @property
    def until_then(self) -> str:
        """What holds until the file is mended, a sentence; empty if nothing is wrong with it."""
        if not self.error:
            return ""
        nothing_passes = self.policy is DENY_ALL
        return "Until then nothing passes." if nothing_passes else "Until then the last good rules hold."


class PolicyFile:
    """Keeps the rules in force. ``current`` looks at the file's date first: no watcher, no delay."""

    def __init__(self, folders: Folders, events: EventBus) -> None:
        self._folders = folders
        self._candidates = tuple(str(path) for path in candidates(folders))
        self._events = events
        self._stamp: _Stamp = None
        self._loaded: Loaded | None = None

    def current(self) -> Loaded:
        """Return the rules in force."""
        stamp = self._look()
        if self._loaded is None or stamp != self._stamp:
            first = self._loaded is None
            self._stamp = stamp
            self._loaded = self._load()
            if not first or self._loaded.error:
                self._events.publish(PolicyReloaded(str(self._loaded.path), self._loaded.error))
        return self._loaded

    def _look(self) -> _Stamp:
        # Looked at before every call, hence made once, and without pathlib: a tenth of the time.
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
        """Return if the user's own rules were not in force a moment ago.

        Raises:
            SettingsError: they were.
        """
        if self._loaded is not None and self._loaded.path != SHIPPED:
            raise SettingsError(
                f"{self._folders.policy_file} is gone.",
                "Put it back, or start the app again to go on without it.",
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
                kept.parent.mkdir(parents=True, exist_ok=True)
                replace_file(kept, text.encode(), mode=PRIVATE)
        except OSError as error:
            logger.warning("cannot keep the last good policy: %s", error)


def candidates(folders: Folders) -> tuple[Path, ...]:
    """Return where the user's policy may be."""
    return (folders.policy_file, folders.policy_file.with_suffix(".json"))


def read_policy_text(folders: Folders) -> tuple[Path, str]:
    """Return the policy file in use and its text.

    Raises:
        SettingsError: it cannot be read, or there are two.
    """
    found = [path for path in candidates(folders) if os.path.lexists(path)]
    if len(found) > 1:
        raise SettingsError(
            f"There are two policies, {found[0].name} and {found[1].name}.", "Remove one of them."
        )
    path = found[0] if found else SHIPPED
    try:
        with path.open("rb") as file:
            return path, file.read(MOST_BYTES + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.", "Mend the file, or remove it and start again."
        ) from None


def _last_good(folders: Folders) -> Path:
    return folders.state / "policy.last-good"
