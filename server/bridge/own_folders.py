"""The record of the folders that the app made in ``TOKEN_SAVER_HOME``. Standard library only.

The user can choose a folder that also holds other things. The record lets ``uninstall`` tell them apart: it
holds each folder that the app made, with its inode, and the files that were there before. The default folders
belong to the app alone and need no record.
"""

# pathlib would add milliseconds to the bridge's start of a hub, hence os.path here.
# ruff: noqa: PTH100, PTH102, PTH111, PTH112, PTH114, PTH116, PTH118, PTH120, PTH123

import json
import os
from collections.abc import Iterator
from typing import Any

RECORD = ".token-saver-made"
"""Name of the record, a file with one JSON object per line in the chosen folder."""
_LOCK = "hub.lock"
"""A file that each hub leaves in the chosen folder, also hubs that kept no record."""


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Create a folder and its missing parents. Record those inside ``TOKEN_SAVER_HOME``.

    Raises:
        OSError: the folder or the record cannot be written.
    """
    path, home = os.path.abspath(folder), _chosen_home()
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    inside = [each for each in missing if home and _is_inside(each, home)]
    if inside and os.path.isdir(home):
        begin_record(home)
    for each in reversed(missing):
        try:
            os.mkdir(each, 0o700 if each in inside or each is missing[0] else 0o777)
        except FileExistsError:
            if not os.path.isdir(each):
                raise
            continue  # another process made it, and records it
        if each == home:
            _append(home, {"home": _inode(home)})
        if each in inside:
            _append(home, {"made": [_inode(each), os.path.relpath(each, home)]})


def begin_record(home: str | os.PathLike[str]) -> None:
    """Begin the record of a folder that exists, unless it has one.

    Raises:
        OSError: the record cannot be written.
    """
    if MadeFolders(home).is_valid:
        return
    # In a folder that an app without a record has used, files are known only by their names.
    used = os.path.lexists(os.path.join(home, _LOCK))
    found = [] if used else sorted(entry.name for entry in os.scandir(home) if not _is_folder(entry))
    _append(home, {"home": _inode(home), "found": found})


class MadeFolders:
    """The record of a home. A missing record, or that of another folder, is empty and invalid.

    Attributes:
        is_valid: whether the record belongs to this folder.
        found: names of the files that were in the folder when the record began.
        was_used: whether the app has used the folder at all, with or without a record.
    """

    def __init__(self, home: str | os.PathLike[str]) -> None:
        self._home = os.path.abspath(home)
        lines = list(_lines(self._home))
        # A copy of the record, for example from a repository, has other inodes.
        inode = _inode(self._home)
        self.is_valid = inode > 0 and any(line.get("home") == inode for line in lines)
        self.found = frozenset(
            name for line in lines if isinstance(line.get("found"), list) for name in line["found"]
        )
        self.was_used = self.is_valid or os.path.lexists(os.path.join(self._home, _LOCK))
        self._made = [line["made"] for line in lines if isinstance(line.get("made"), list)]

    def contains(self, folder: str | os.PathLike[str]) -> bool:
        """Return whether the app made this folder. A folder that replaced it does not count."""
        path = os.path.abspath(folder)
        if not self.is_valid or os.path.islink(path):
            return False
        return [_inode(path), os.path.relpath(path, self._home)] in self._made


def _chosen_home() -> str:
    home = os.environ.get("TOKEN_SAVER_HOME")
    return os.path.abspath(os.path.expanduser(home)) if home else ""


def _is_inside(path: str, home: str) -> bool:
    return path == home or path.startswith(os.path.join(home, ""))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False)


def _inode(path: str | os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def _lines(home: str) -> Iterator[dict[str, Any]]:
    try:
        with open(os.path.join(home, RECORD), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue  # a write that was cut off: its folder counts as another's and is kept
        if isinstance(value, dict):
            yield value


def _append(home: str | os.PathLike[str], line: dict[str, Any]) -> None:
    """Add a line in one write, because several processes can add lines at the same time."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(os.path.join(home, RECORD), flags, 0o600)
    try:
        os.write(handle, json.dumps(line).encode() + b"\n")
    finally:
        os.close(handle)
