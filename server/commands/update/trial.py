"""Trial of a new version before the update: it starts, and it opens a copy of the history.

Both run in a folder of their own. The hub gets the user's settings and rules but no history, because it would
continue the batches in it.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.bridge.discovery import wait_for_hub
from server.bridge.own_folders import make_folder
from server.common.errors import StoreError, UpdateFailed
from server.common.processes import last_line, run_command
from server.config.folders import HOME_VARIABLE, Folders
from server.store.database import explained
from server.store.migrations.backup import back_up, schema_of

PREFIX = "update-"
"""Beginning of the trial folder's name in the data folder."""
COMMAND_SECONDS = 600.0
HUB_SECONDS = 180.0
STOP_SECONDS = 30.0
SETTINGS = ("config.toml", "policy.yaml", "policy.json", "prices.toml", "models.toml", "models.json")


@dataclass(frozen=True)
class Trial:
    """The result of a trial: the new version, and whether it migrates the history."""

    version: str
    migrates: bool


def try_version(version: str, environment: Path, folders: Folders) -> Trial:
    """Let the version in an environment open a copy of the history and start a hub.

    Raises:
        UpdateFailed: it does not start, or it cannot open the history.
    """
    python = [str(environment / "bin" / "python"), "-P", "-m", "tray.main"]
    with _trial_folder(folders) as place:
        migrates = _open_history(python, place / "history", folders)
        _start_hub(python, place / "hub", folders, version)
    return Trial(version, migrates)


@contextlib.contextmanager
def _trial_folder(folders: Folders) -> Iterator[Path]:
    make_folder(folders.data)
    for left in folders.data.glob(f"{PREFIX}*"):  # an interrupted update has left it
        shutil.rmtree(left)
    place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folders.data))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def _open_history(python: list[str], home: Path, folders: Folders) -> bool:
    if not folders.database.exists():
        return False
    home.mkdir()
    copy = home / folders.database.name
    try:
        with explained(folders.database):
            back_up(folders.database, copy)
            before = schema_of(copy)
    except OSError as error:
        raise UpdateFailed(
            f"The history cannot be copied for the trial: {error.strerror}. Nothing has changed.",
            "Free some space, then try again.",
        ) from None
    _list_history(python, home)
    try:
        return schema_of(copy) != before
    except sqlite3.Error as error:
        raise StoreError(f"The copy of the history cannot be read ({error}).", "Try again.") from None


def _start_hub(python: list[str], home: Path, folders: Folders, version: str) -> None:
    home.mkdir()
    for name in SETTINGS:
        if (folders.config / name).is_file():
            shutil.copyfile(folders.config / name, home / name)
    log = home / "trial.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*python, "serve"],
            env={**os.environ, HOME_VARIABLE: str(home), "TOKEN_SAVER_PORT": "0"},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        info = wait_for_hub(str(home), process, HUB_SECONDS)
        if info is None or info.version != version:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise _failed("start", lines[-1] if lines else "it did not answer in time")
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _list_history(python: list[str], home: Path) -> None:
    command = [*python, "history", "--limit", "1"]
    done = run_command(command, {HOME_VARIABLE: str(home)}, COMMAND_SECONDS, home)
    if done.returncode != 0:
        raise _failed("open your history", last_line(done.stderr.strip(), done.returncode))


def _failed(purpose: str, reason: str) -> UpdateFailed:
    return UpdateFailed(
        f"The new version does not {purpose}: {reason}. Nothing has changed.",
        "Report this with the output of `token-saver update --debug`, or wait for the next version.",
    )
