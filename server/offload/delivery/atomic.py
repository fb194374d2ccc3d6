"""Atomic writes and removals, safe against crashes, races and links.

On systems with directory handles, the parent folder is opened component by component without following links,
and every operation is relative to that handle. A folder that became a link after the check is rejected.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from server.common.errors import FileChanged, PathOutsideRoots, PathProtected, WriteFailed
from server.policy.files.safe_open import HAS_HANDLES, ON_THE_WAY

_TEMPORARY = re.compile(r"\.token-saver-[0-9a-f]{12}")


def write(path: Path, data: bytes, expected: str | None) -> tuple[Path, ...]:
    """Write ``data`` to ``path`` (absolute, without links), keeping the mode and owner of a replaced file.

    ``expected`` is the SHA-256 of the current content, or None if the file must not exist yet. Return the
    created folders, outermost first.

    Raises:
        FileChanged: the current content differs. The file was not touched.
        PathOutsideRoots: a parent folder has become a link.
        PathProtected: the file is read-only or belongs to another user.
        WriteFailed: the system refused the write. Nothing was changed.
    """
    created: list[Path] = []
    try:
        with _folder(path.parent, created) as folder:
            _write(folder, path, data, expected)
    except OSError as error:
        remove_folders(tuple(created))
        raise _explain(error, path) from None
    except BaseException:
        remove_folders(tuple(created))
        raise
    return tuple(created)


def remove(path: Path, expected: str) -> None:
    """Remove the file if its SHA-256 is still ``expected``.

    Raises:
        FileChanged: the content differs. The file was not touched.
        PathOutsideRoots: a parent folder has become a link.
        WriteFailed: the system refused the removal.
    """
    try:
        with _folder(path.parent, None) as folder:
            _require(folder, path, expected)
            folder.unlink(path.name)
    except OSError as error:
        raise _explain(error, path) from None


def remove_folders(created: tuple[Path, ...]) -> None:
    """Remove the folders created for a file, innermost first, if they are empty."""
    for folder in reversed(created):
        with contextlib.suppress(OSError):  # not empty: another program uses the folder
            folder.rmdir()


def remove_unfinished(folder: Path) -> None:
    """Remove temporary files left by interrupted writes. No write into ``folder`` may be in progress."""
    with contextlib.suppress(OSError), _folder(folder, None) as opened:
        for name in opened.names():
            if _TEMPORARY.fullmatch(name):
                opened.unlink(name)


def read(path: Path) -> bytes | None:
    """Return the content of the regular file at ``path``, or None if the path does not exist.

    Raises:
        OSError: not a regular file, a parent folder is a link, or the file cannot be read.
    """
    try:
        with _folder(path.parent, None) as folder:
            return folder.read(path.name)
    except FileNotFoundError:
        return None


def digest_at(path: Path) -> str | None:
    """Return the SHA-256 of the file at ``path`` in hex, or None if it is not a regular file."""
    try:
        with _folder(path.parent, None) as folder:
            return folder.digest(path.name)
    except OSError:
        return None


class _Folder:
    """A folder, accessed by handle if the system has directory handles and by path otherwise."""

    def __init__(self, path: Path, handle: int | None) -> None:
        self._path = path
        self._handle = handle

    def create(self, name: str) -> int:
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        return os.open(self._at(name), flags, 0o666, dir_fd=self._handle)

    def stat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def digest(self, name: str) -> str | None:
        status = self.stat(name)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        with self._open(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def read(self, name: str) -> bytes:
        with self._open(name) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            return file.read()

    def replace(self, source: str, target: str) -> None:
        if self._handle is None:
            Path(self._at(source)).replace(self._at(target))
        else:
            os.rename(source, target, src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def names(self) -> list[str]:
        if self._handle is None:
            return [path.name for path in self._path.iterdir()]
        return os.listdir(self._handle)  # noqa: PTH208 - pathlib takes no handle

    def unlink(self, name: str) -> None:
        os.unlink(self._at(name), dir_fd=self._handle)

    def sync(self) -> None:
        if self._handle is not None:
            # Some file systems do not support this, and the folder must be readable. The rename is atomic
            # either way.
            with contextlib.suppress(OSError):
                os.fsync(self._handle)

    def _open(self, name: str) -> BufferedReader:
        flags = (
            os.O_RDONLY
            | getattr(os, "O_NOFOLLOW", 0)
            | getattr(os, "O_NONBLOCK", 0)
            | getattr(os, "O_BINARY", 0)
        )
        return os.fdopen(os.open(self._at(name), flags, dir_fd=self._handle), "rb")

    def _at(self, name: str) -> str:
        return name if self._handle is not None else str(self._path / name)


@contextlib.contextmanager
def _folder(path: Path, created: list[Path] | None) -> Iterator[_Folder]:
    """Open a folder. If ``created`` is a list, create missing folders and append them to it."""
    if not HAS_HANDLES:
        if created is not None:
            missing = [each for each in (path, *path.parents) if not each.exists()]
            for each in reversed(missing):
                each.mkdir()
                created.append(each)
        if path.resolve() != path:
            raise OSError(errno.ELOOP, "a folder has become a link")
        yield _Folder(path, None)
        return
    handle = _open_folder(path, created)
    try:
        yield _Folder(path, handle)
    finally:
        os.close(handle)


def _open_folder(path: Path, created: list[Path] | None) -> int:
    handle = os.open(path.anchor, ON_THE_WAY)
    here = Path(path.anchor)
    for part in path.parts[1:]:
        here /= part
        try:
            try:
                inner = os.open(part, ON_THE_WAY, dir_fd=handle)
            except FileNotFoundError:
                if created is None:
                    raise
                os.mkdir(part, dir_fd=handle)
                created.append(here)
                inner = os.open(part, ON_THE_WAY, dir_fd=handle)
        finally:
            os.close(handle)
        handle = inner
    return _to_sync(handle)


def _to_sync(handle: int) -> int:
    """Return a handle for syncing and listing the same folder, if its mode allows this."""
    if sys.platform == "win32":
        return handle
    try:
        whole = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=handle)
    except OSError:
        return handle
    os.close(handle)
    return whole


def _write(folder: _Folder, path: Path, data: bytes, expected: str | None) -> None:
    _require(folder, path, expected)
    before = folder.stat(path.name)
    _refuse_read_only(before, path)
    temporary = f".token-saver-{secrets.token_hex(6)}"
    descriptor = folder.create(temporary)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if before is not None:
                _take_over(file.fileno(), before, path)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _require(folder, path, expected)
        folder.replace(temporary, path.name)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            folder.unlink(temporary)
        raise
    folder.sync()


def _require(folder: _Folder, path: Path, expected: str | None) -> None:
    found = folder.digest(path.name)
    if found != expected or (expected is None and folder.stat(path.name) is not None):
        raise FileChanged(
            f"{path.name} changed after it was read, so it was not written.",
            "Call again to use the new content.",
        )


def _refuse_read_only(before: os.stat_result | None, path: Path) -> None:
    if before is not None and not before.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PathProtected(f"{path.name} is read-only.", "Make the file writable if it may change.")


def _take_over(descriptor: int, before: os.stat_result, path: Path) -> None:
    """Copy the old file's owner and mode to the new one."""
    if sys.platform != "win32":
        now = os.fstat(descriptor)
        if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
            try:
                os.fchown(descriptor, before.st_uid, before.st_gid)
            except PermissionError:
                if now.st_uid != before.st_uid:
                    raise PathProtected(
                        f"{path.name} belongs to another user.",
                        "Change the file's owner if the file may change.",
                    ) from None
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _explain(error: OSError, path: Path) -> PathOutsideRoots | WriteFailed:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return PathOutsideRoots(
            f"A parent folder of {path.name} is a link or not a folder.", "Give the real path of the folder."
        )
    return WriteFailed(
        f"{path.name} could not be written: {error.strerror or error}.", "Check permissions and free space."
    )
