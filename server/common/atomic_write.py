"""The one way in which files of the user's and of the app's own are written: whole, or not at all.

Files of a project are another matter (``server.offload.delivery.atomic``): there no link may be followed.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

PRIVATE = 0o600
"""The mode of a file that the user alone may read."""


def replace_file(path: Path, data: bytes, *, mode: int | None = None, new_mode: int = PRIVATE) -> None:
    """Put ``data`` in the file's place in one step; a link stays a link, and its target is replaced.

    ``mode`` is what the file gets; with None it keeps its own, and a new one gets ``new_mode`` less the
    umask. Nobody can read it under a wider mode than that, not even for a moment.

    Raises:
        OSError: it cannot be written; the file is then as it was.
    """
    target = Path(os.path.realpath(path))  # of links in a loop `resolve` raises what is no OSError
    before = _stat(target)
    if mode is None and before is not None:
        mode = stat.S_IMODE(before.st_mode)
    # To others a draft is closed until it has the owner and the mode that it shall have.
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
    """Let a file that root changes stay the user's; for others the system decides."""
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):
            os.chown(draft, before.st_uid, before.st_gid)
