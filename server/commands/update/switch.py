"""The exchange of the environment, while no hub runs, and the way back.

Everything is imported before the exchange: afterwards, the files of this process's modules are in the other
folder.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.bridge import discovery, environment  # noqa: F401 - `start_detached` needs `environment` later
from server.bridge.discovery import HubInfo
from server.commands.hub_client import connect
from server.commands.status import quit_hub
from server.commands.update.environment import exchange
from server.commands.update.installation import Installation
from server.commands.update.trial import HUB_SECONDS, Trial
from server.common.atomic_write import PRIVATE, replace_file
from server.common.errors import HubUnreachable, TokenSaverError, UpdateFailed
from server.config.folders import Folders
from server.store.database import explained
from server.store.migrations.backup import back_up, backup_path, restore
from server.web.instance import AlreadyRunning, claim

ATTEMPTS = 5
"""Number of times that the hub is stopped: a client may start it again at once."""
TRAIL_HEAD = "trail.head"


@dataclass(frozen=True)
class _Before:
    """The state before the exchange. ``trail_head`` belongs to the backup of the history."""

    was_running: bool
    trail_head: bytes | None


def switch(folders: Folders, installation: Installation, copy: Path, trial: Trial) -> None:
    """Put the tried copy in the environment's place, and start its version once.

    Raises:
        UpdateFailed: the new version did not start. The old version and its history are back.
        TokenSaverError: the hub could not be stopped, or the history not backed up. Nothing has changed.
    """
    was_running = discovery.find_running(str(folders.state)) is not None
    with _without_hub(folders):
        before = _Before(was_running, _read(folders.state / TRAIL_HEAD))
        if trial.migrates:
            with explained(folders.database):
                back_up(folders.database, backup_path(folders.database))
        exchange(installation.environment, copy)
    try:
        _start(folders, trial.version)
    except (TokenSaverError, OSError) as error:
        _go_back(folders, installation, copy, trial, before)
        reason = error.cause if isinstance(error, TokenSaverError) else str(error)
        raise UpdateFailed(
            f"Version {trial.version} did not start: {reason} "
            f"Version {installation.version} is back, with its history.",
            "Report this with the output of `token-saver logs`, or wait for the next version.",
        ) from None
    if not was_running:
        quit_hub(folders, connect(folders))


def _start(folders: Folders, version: str) -> HubInfo:
    state = str(folders.state)
    process = discovery.start_detached(state)
    info = discovery.wait_for_hub(state, process, HUB_SECONDS)
    if info is None or info.version != version:
        reason = discovery.why_not_started(state, process)
        if process.poll() is None:
            process.kill()
        raise HubUnreachable(reason, "Run `token-saver serve` to see the reason.")
    return info


def _go_back(folders: Folders, installation: Installation, copy: Path, trial: Trial, before: _Before) -> None:
    with _without_hub(folders):
        exchange(installation.environment, copy)
        if trial.migrates:
            with explained(folders.database):
                restore(backup_path(folders.database), folders.database)
            if before.trail_head is not None:
                replace_file(folders.state / TRAIL_HEAD, before.trail_head, mode=PRIVATE)
    if before.was_running:
        _start(folders, installation.version)


@contextlib.contextmanager
def _without_hub(folders: Folders) -> Iterator[None]:
    """Stop the hub, and let no other one start within the ``with`` block."""
    with contextlib.ExitStack() as stack:
        for attempt in range(ATTEMPTS):
            with contextlib.suppress(HubUnreachable):
                quit_hub(folders, connect(folders))
            try:
                stack.enter_context(claim(folders))
                break
            except AlreadyRunning as running:
                if attempt == ATTEMPTS - 1:
                    raise UpdateFailed(
                        f"The app starts again and again ({running.info.command or running.info.url}).",
                        "Close the programs that use it, then try again.",
                    ) from None
        yield


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
