"""Path confinement: a call may touch only files inside the caller's roots, with all links resolved.

A confined path is absolute and free of links and ``..``. It is checked again at the moment of writing, in
case a link has replaced a folder in the meantime.
"""

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from server.common.errors import NotAFile, PathNotFound, PathOutsideRoots, PathProtected
from server.policy.files.safe_open import refuse_second_name
from server.policy.files.special_names import (
    folded,
    is_credential_file,
    is_environment_file,
    is_protected_folder,
    windows_problem,
)

LONGEST_PATH = 4096
"""Maximum path length (characters): Linux's ``PATH_MAX``. No project has longer paths."""
LONGEST_NAME = 255
"""Maximum name length (bytes): the limit on common file systems (``NAME_MAX``)."""
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:")


def confine(
    given: str,
    base: Path | None,
    roots: Iterable[Path],
    protected: Iterable[Path] = (),
    readable: Iterable[str] = (),
) -> Path:
    """Return the absolute path of ``given`` with links resolved. The file need not exist.

    ``base`` is the folder that relative paths start from. ``protected`` holds the app's own folders,
    ``readable`` the patterns for credential files that the user allows.

    Raises:
        PathOutsideRoots: the path is, or leads, outside all ``roots``, or there are no roots.
        PathProtected: the path is in a protected folder or is a credential file.
        PathNotFound: the text is not a path, contains a name that is not UTF-8, or its links form a loop.
    """
    _refuse_malformed(given)
    real_roots = tuple(_resolve(root, str(root)) for root in roots)
    if not real_roots:
        raise PathOutsideRoots(
            f"{given} cannot be used: the client named no project folder.",
            "Start the client in a project, or list folders as `roots` in config.toml.",
        )
    path = Path(given)
    if not path.is_absolute():
        path = (base or real_roots[0]) / path
    if os.name == "nt" or not _exists(path, given):
        # An existing file can have any name, such as `a:1-2` or `~b`.
        _refuse_foreign_forms(given)
    real = _resolve(path, given)
    _refuse_unwritable_names(str(real))
    if not any(real.is_relative_to(root) for root in real_roots):
        folders = ", ".join(str(root) for root in real_roots)
        raise PathOutsideRoots(
            f"{given} leads outside the project ({folders}).",
            "Name a file inside it, or add its folder to `roots` in config.toml.",
        )
    _refuse_protected(real, given, real_roots, protected, readable)
    return real


def refuse_environment(real: Path, given: str, readable: Iterable[str]) -> None:
    """Refuse to read a file that sets passwords. Writing a new one is allowed.

    Raises:
        PathProtected: the file sets passwords, and no pattern of ``readable`` allows it.
    """
    if not _is_allowed(real, readable) and any(map(is_environment_file, _names(real, given))):
        raise _may_hold_credentials(given)


def require_file(path: Path, given: str) -> os.stat_result:
    """Return the status of an existing regular file.

    Raises:
        PathNotFound: the file does not exist.
        NotAFile: the path is a directory, a device, a pipe or a socket.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise PathNotFound(f"{given} does not exist.", "Check the path and its case.") from None
    except OSError as error:
        raise PathNotFound(f"{given} cannot be read: {error.strerror}.", "Check its permissions.") from None
    if stat.S_ISDIR(status.st_mode):
        raise NotAFile(f"{given} is a directory.", f'Name files, or a glob such as "{given.rstrip("/")}/**".')
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile(f"{given} is not a regular file.", "Name a text file.")
    refuse_second_name(status, given)
    return status


def _exists(path: Path, given: str) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError, ValueError):
        return False
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):
            raise _too_long(given) from None
        return False
    return True


def _too_long(given: str) -> PathNotFound:
    return PathNotFound(f"{given[:60]}… has a name that is too long for the file system.", "Shorten it.")


def shown(path: Path, base: Path | None) -> str:
    """Return the path for display: relative to ``base`` if the path is inside it."""
    real_base = _resolve(base, str(base)) if base else None
    if real_base and path.is_relative_to(real_base):
        return PurePosixPath(path.relative_to(real_base)).as_posix()
    return path.as_posix()


def _refuse_malformed(given: str) -> None:
    if not given.strip():
        raise PathNotFound("A path is empty.", "Name a file.")
    if len(given) > LONGEST_PATH:
        raise PathNotFound(f"A path has {len(given):,} characters.", "Pass paths, not contents.")
    if "\n" in given.strip():
        raise PathNotFound("A path has several lines.", "Pass paths, not contents.")
    if any(ord(character) < 32 or ord(character) == 127 for character in given):
        raise PathNotFound(f"{given!r} contains control characters.", "Check the path.")
    _refuse_unwritable_names(given)


def _refuse_unwritable_names(path: str) -> None:
    """Refuse names that are not UTF-8, which neither the history nor the client's JSON can store, and names
    that are too long."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        raise PathNotFound(f"{path!a} contains a name that is not UTF-8.", "Rename it.") from None
    if any(len(name) > LONGEST_NAME for name in encoded.split(b"/")):
        raise _too_long(path)


def _refuse_foreign_forms(given: str) -> None:
    """Refuse forms that refer to a different place on another system."""
    if given.startswith("~"):
        raise PathOutsideRoots(f"{given} is in a home folder.", "Name a file inside the project.")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", given):
        raise PathOutsideRoots(f"{given} is an address, not a path.", "Name a file inside the project.")
    if os.name == "nt":
        _refuse_windows_names(given)
    elif given.startswith("\\\\") or _WINDOWS_DRIVE.match(given):
        raise PathOutsideRoots(f"{given} is a Windows path.", "Name a file inside the project.")


def _refuse_windows_names(given: str) -> None:
    problem = windows_problem(given)
    if problem is not None:
        raise PathOutsideRoots(f"{given} {problem}.", "Name a regular file inside the project.")


def _refuse_protected(
    real: Path, given: str, roots: tuple[Path, ...], protected: Iterable[Path], readable: Iterable[str]
) -> None:
    inside = max((root for root in roots if real.is_relative_to(root)), key=lambda root: len(root.parts))
    parts = (*inside.parts, *real.relative_to(inside).parts)
    if any(is_protected_folder(part) for part in parts):
        raise PathProtected(f"{given} is in a protected folder.", "Do not use this file.")
    is_credential = real != inside and any(map(is_credential_file, _names(real, given)))
    if is_credential and not _is_allowed(real, readable):
        raise _may_hold_credentials(given)
    for folder in protected:
        if real.is_relative_to(_resolve(folder, str(folder))):
            raise PathProtected(f"{given} belongs to this app.", "Do not use this file.")


def _names(real: Path, given: str) -> tuple[str, str]:
    return real.name, PurePosixPath(given.replace("\\", "/")).name


def _is_allowed(real: Path, readable: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(folded(real.name), folded(pattern)) for pattern in readable)


def _may_hold_credentials(given: str) -> PathProtected:
    return PathProtected(
        f"{given} may contain credentials or keys.",
        "To allow reading it, list it as `read` under [paths] in config.toml.",
        "Do not use this file, or ask the user to list it as `read` under [paths] in config.toml.",
    )


def _resolve(path: Path, given: str) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        raise PathNotFound(f"{given} cannot be resolved; its links form a loop.", "Check the path.") from None
