"""A copy of the app's environment that becomes the environment in one step.

The copy shares its files with the original by hard links, so it takes seconds and little space. Installers
replace files and never write into them, so the original stays as it is.
"""

import ctypes
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from server.common.errors import UpdateFailed
from server.common.processes import run_command

AT_FDCWD = -100
RENAME_EXCHANGE = 2  # linux/fs.h; macOS calls it RENAME_SWAP, with the same value
INSTALL_SECONDS = 1800
TAIL = 12
"""Number of final lines of the installer's output shown after a failure."""


def copy_of(environment: Path) -> Path:
    """Return the path of the copy, next to the environment: hard links work only within a file system."""
    return environment.with_name(f".{environment.name}.update")


def cache_of(environment: Path) -> Path:
    """Return where the installer may keep downloads until the update ends."""
    return environment.with_name(f".{environment.name}.cache")


def make_copy(environment: Path) -> Path:
    """Copy the environment, replacing a copy that an interrupted update has left.

    Raises:
        OSError: the copy cannot be written.
    """
    copy = copy_of(environment)
    remove_copy(environment)
    # Python writes bytecode under such a name and then renames it.
    ignored = shutil.ignore_patterns("*.pyc.*")
    shutil.copytree(environment, copy, symlinks=True, ignore=ignored, copy_function=_link)
    return copy


def remove_copy(environment: Path) -> None:
    """Remove the copy and the downloads, if there are any.

    Raises:
        OSError: they cannot be removed.
    """
    for folder in (copy_of(environment), cache_of(environment)):
        if folder.exists():
            shutil.rmtree(folder)


def install(command: list[str], environ: Mapping[str, str], copy: Path, environment: Path) -> None:
    """Install a new version into the copy, with programs that will run at the environment's place.

    Raises:
        UpdateFailed: the installer failed. The message ends with its output.
    """
    done = run_command(command, environ, INSTALL_SECONDS)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()[-TAIL:]
        raise UpdateFailed(
            "The new version could not be installed. Nothing has changed.",
            "The installer said:\n" + "\n".join(lines),
        )
    _point_programs(copy, environment)


def exchange(first: Path, second: Path) -> None:
    """Exchange two folders of the same parent.

    On Linux and macOS, one call of the system does it, so a crash leaves one order or the other.

    Raises:
        OSError: the system refused.
    """
    _sync()  # the new files must be on disk before their names
    if not _exchange_at_once(first, second):
        aside = first.with_name(f"{second.name}.aside")
        first.rename(aside)
        second.rename(first)
        aside.rename(second)
    _sync()


def _sync() -> None:
    if sys.platform != "win32":
        os.sync()


def _exchange_at_once(first: Path, second: Path) -> bool:
    names = (os.fsencode(first), os.fsencode(second))
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        done = library.renamex_np(*names, RENAME_EXCHANGE)
    elif hasattr(library, "renameat2"):
        done = library.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)
    else:
        return False
    return bool(done == 0)  # some file systems cannot exchange


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # the file system has no hard links, or the file has too many
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def _point_programs(copy: Path, environment: Path) -> None:
    """Name the environment's interpreter in programs that the installer has written into the copy."""
    here, there = os.fsencode(copy / "bin"), os.fsencode(environment / "bin")
    for program in (copy / "bin").iterdir():
        if program.is_symlink() or not program.is_file():
            continue
        with program.open("rb") as file:
            head = file.read(2)
        if head == b"#!" and here in (content := program.read_bytes()):
            draft = program.with_name(f".{program.name}.new")
            draft.write_bytes(content.replace(here, there))
            with suppress(OSError):
                shutil.copymode(program, draft)
            draft.replace(program)
