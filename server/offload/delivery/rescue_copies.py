"""Copies of file contents that would otherwise be lost in a rollback.

While the user's check runs, both it and the user can change the file. The app cannot tell which of them did,
so it keeps a copy either way.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from server.bridge.own_folders import make_folder
from server.common.days import days_ago
from server.offload.delivery import atomic
from server.offload.files.workspace import digest_of

LONGEST_NAME = 60
"""Number of characters kept from the end of the file's name."""


@dataclass(frozen=True)
class RescueCopies:
    """The folder of rescue copies. Each copy is kept for ``days`` days and readable only by the user."""

    folder: Path
    days: int

    def save(self, name: str, data: bytes) -> Path:
        """Write ``data`` to a file named after its SHA-256 and ``name``, and return the path. Blocks.

        Raises:
            WorkspaceError: the copy cannot be written.
        """
        folder = self.folder.resolve()
        self._drop_old(folder)
        path = folder / f"{digest_of(data)[:12]}-{name[-LONGEST_NAME:]}"
        if atomic.digest_at(path) is None:
            with contextlib.suppress(OSError):  # then the write reports it
                make_folder(self.folder)
            atomic.write(path, data, None)
            with contextlib.suppress(OSError):  # the parent folder is already private
                path.chmod(0o600)
        return path

    def _drop_old(self, folder: Path) -> None:
        before = days_ago(self.days)
        with contextlib.suppress(OSError):  # no folder yet, or a file is in use: the next call retries
            for path in folder.iterdir():
                if path.stat().st_mtime < before:
                    path.unlink()
