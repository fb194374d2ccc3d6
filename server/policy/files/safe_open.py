"""Race-free opening of files for reading: the file opened is always the file that was checked.

``paths.confine`` returns a path without links. Here each folder along it, and finally the file, is opened
relative to the previous folder without following links. A folder or file that has become a link is refused.
Windows does not support this; there the path is resolved again after opening, and both must be the same file.
"""

import errno
import os
import stat
from pathlib import Path

from server.common.errors import NotAFile, PathNotFound, PathOutsideRoots

HAS_HANDLES = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY") and hasattr(os, "O_NOFOLLOW")
ON_THE_WAY = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
"""Flags for opening each folder along a path. On Linux the handle allows traversal only, since a shared
``/home`` can often be entered but not listed (mode 0711).
"""
# Non-blocking, because a pipe may have replaced the file since the check.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def open_for_reading(path: Path, given: str) -> int:
    """Return a descriptor of the regular file at ``path`` (absolute, free of links). The caller closes it.

    Raises:
        PathNotFound: the file cannot be opened.
        PathOutsideRoots: part of the path became a link, or the file has another hard link.
        NotAFile: the path is not a regular file.
    """
    try:
        descriptor = _open_stepwise(path) if HAS_HANDLES else os.open(path, _READ)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
            raise _moved(given) from None
        raise PathNotFound(f"{given} cannot be read: {error.strerror}.", "Check its permissions.") from None
    try:
        _require_ordinary(os.fstat(descriptor), path, given)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def refuse_second_name(status: os.stat_result, given: str) -> None:
    """Refuse a file with several hard links, because another may be outside the project, where reading is not
    allowed.

    Raises:
        PathOutsideRoots: the file has more than one name.
    """
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        raise PathOutsideRoots(
            f"{given} has a second name elsewhere (a hard link).",
            "Replace it with a copy of itself, or name another file.",
        )


def _open_stepwise(path: Path) -> int:
    folder = os.open(path.anchor, ON_THE_WAY)
    try:
        for part in path.parts[1:-1]:
            inner = os.open(part, ON_THE_WAY, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(path.name, _READ, dir_fd=folder)
    finally:
        os.close(folder)


def _require_ordinary(status: os.stat_result, path: Path, given: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile(f"{given} is not a regular file.", "Name a text file.")
    refuse_second_name(status, given)
    if not HAS_HANDLES:
        _require_same_file(path, status, given)


def _require_same_file(path: Path, status: os.stat_result, given: str) -> None:
    try:
        again = path.resolve(strict=True)
        same = again == path and os.path.samestat(again.stat(), status)
    except OSError:
        same = False
    if not same:
        raise _moved(given)


def _moved(given: str) -> PathOutsideRoots:
    return PathOutsideRoots(f"{given} was replaced by a link.", "Call again.")
