"""Atomic replacement of configuration and state files.

Project files are written by ``server.offload.delivery.atomic``, which refuses symbolic links.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

PRIVATE = 0o600
"""File mode that lets only the owner read the file."""


def replace_file(path: Path, data: bytes, *, mode: int | None = None, new_mode: int = PRIVATE) -> None:
    """Replace the contents of ``path`` in one step. If it is a symbolic link, its target is replaced and the
    link is kept.

    Args:
        mode: the file's new mode; None keeps the mode of an existing file.
        new_mode: the mode for a file that did not exist if ``mode`` is None, subject to the umask.

    The draft's mode is never more permissive than the final mode.

    Raises:
        OSError: the file cannot be written. Its old contents are unchanged.
    """
    target = Path(os.path.realpath(path))  # `Path.resolve` raises RuntimeError, no OSError, on a link loop
    before = _stat(target)
    if mode is None and before is not None:
        mode = stat.S_IMODE(before.st_mode)
    # The draft is private until it has its final owner and mode.
    first = new_mode if mode is None else PRIVATE
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(draft, flags, first), "wb") as file:
            file.write(data)
        if before is not None:
            _keep_owner(draft, before)
        if mode is not None:
            draft.chmod(mode)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _keep_owner(draft: Path, before: os.stat_result) -> None:
    """Keep the original owner when root changes the file. Otherwise, the system decides."""
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):
            os.chown(draft, before.st_uid, before.st_gid)
