"""The steps of ``token-saver update``.

1. Copy the environment, and install the new version into the copy.
2. Try the copy: it starts, and it opens a copy of the history.
3. Say what is new, and ask.
4. Stop the hub, back up the history, exchange environment and copy, start the new version.
5. If it does not start, exchange them again and restore the history.

Until the exchange in step 4, nothing has changed, so an interrupted update leaves the old version in place.
"""

import contextlib
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from server.commands.terminal.output import echo
from server.commands.update.environment import install, make_copy, remove_copy
from server.commands.update.installation import Installation, find_installation
from server.commands.update.news import news, number
from server.commands.update.switch import switch
from server.commands.update.trial import Trial, try_version
from server.common.distribution import NAME
from server.common.errors import UpdateFailed
from server.config.folders import Folders
from server.store.migrations.backup import backup_path

LOCK = "update.lock"
_STEM = NAME.replace("-", "_") + "-"


@dataclass(frozen=True)
class Wish:
    """The options of the command. ``source`` is a version, a wheel or a checkout; empty for the default."""

    source: str = ""
    dry_run: bool = False
    yes: bool = False


def update(folders: Folders, wish: Wish) -> None:
    """Update the app, or say that it is up to date.

    Raises:
        UpdateFailed: the app is still the old version. The message says why.
    """
    installation = find_installation()
    if not (wish.yes or wish.dry_run or sys.stdin.isatty()):
        raise UpdateFailed(
            "The update needs your confirmation, but standard input is not a terminal.",
            "Run `token-saver update --yes`.",
        )
    source = _source(wish, installation)
    folders.create()
    with _alone(folders):
        try:
            _update(folders, wish, installation, source)
        finally:
            remove_copy(installation.environment)


def _update(folders: Folders, wish: Wish, installation: Installation, source: str) -> None:
    old = installation.version
    echo(f"token-saver {old} in {installation.environment}", err=True)
    echo(f"Installing {source} into a copy of it.", err=True)
    copy = make_copy(installation.environment)
    install(installation.install_command(copy, source), installation.environ, copy, installation.environment)
    packages = copy / installation.packages.relative_to(installation.environment)
    metadata = _metadata_in(packages)
    new = metadata.name.removeprefix(_STEM).removesuffix(".dist-info")
    if number(new) == number(old):
        echo(f"token-saver {old} is the newest version.")
        return
    if number(new) < number(old):
        raise _older(new, old, folders)
    echo(f"Trying version {new}.", err=True)
    trial = try_version(new, copy, folders)
    _say_news(news(metadata, old), trial, folders)
    if wish.dry_run:
        echo("Nothing has changed (--dry-run).")
        return
    if not _agreed(
        wish, f"Update from {old} to {new}? Work in progress is stopped; batches resume after the update."
    ):
        echo("Nothing has changed.")
        return
    with _uninterrupted():
        switch(folders, installation, copy, trial)
    echo(f"Updated from {old} to {new}.")


def _say_news(text: str, trial: Trial, folders: Folders) -> None:
    echo(text or f"Version {trial.version} has no notes.")
    echo()
    if trial.migrates:
        echo(
            f"It changes the format of the history. {backup_path(folders.database)} keeps the history from "
            "before, because an older version cannot read the new format."
        )


def _source(wish: Wish, installation: Installation) -> str:
    if not wish.source:
        return installation.origin
    path = Path(wish.source).expanduser()
    if path.exists():
        return str(path.absolute())
    if re.fullmatch(r"\d+(\.\d+)+", wish.source):
        return f"{NAME}=={wish.source}"
    raise UpdateFailed(f"{wish.source} does not exist, and it is not a version.", "Fix the option --from.")


def _metadata_in(packages: Path) -> Path:
    found = list(packages.glob(f"{_STEM}*.dist-info"))
    if len(found) != 1:
        raise UpdateFailed(
            f"The installer left {len(found)} versions of {NAME}. Nothing has changed.",
            "Install the app again.",
        )
    return found[0]


def _older(new: str, old: str, folders: Folders) -> UpdateFailed:
    backup = backup_path(folders.database)
    kept = f" {backup} is such a history." if backup.exists() else ""
    return UpdateFailed(
        f"{new} is older than the installed version {old}. Nothing has changed.",
        f"`update` never goes back, because version {new} may not read the present history. To go back, "
        f"uninstall, install {new}, and give it a history of that version.{kept} Later work and its undo are "
        "missing there.",
    )


def _agreed(wish: Wish, question: str) -> bool:
    if wish.yes:
        return True
    echo(f"{question} [y/N] ", nl=False)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextlib.contextmanager
def _alone(folders: Folders) -> Iterator[None]:
    try:
        with FileLock(folders.state / LOCK, timeout=0):
            yield
    except Timeout:
        raise UpdateFailed("Another update is running.", "Wait until it has ended.") from None


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C: the environment and the history must fit together at the end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
