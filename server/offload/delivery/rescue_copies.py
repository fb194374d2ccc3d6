"""Keeps what nobody else may have: what somebody put into a file before its old bytes go back over it, and
the old bytes of a file that somebody changed before they could.

While a check of the user's runs, the check may rewrite the file and the user may save it; nothing tells which
of them it was, so neither is thrown away.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from server.common.days import days_ago
from server.offload.delivery import atomic
from server.offload.files.workspace import digest_of

LONGEST_NAME = 60
"""Characters of the file's own name, from its end."""


@dataclass(frozen=True)
class RescueCopies:
    """A folder of such texts, each for some ``days``; the user alone can read it."""

    folder: Path
    days: int

    def save(self, name: str, data: bytes) -> Path:
        """Write ``data`` to a file named after it and ``name``, and return that; blocks.

        Raises:
            WorkspaceError: it cannot be written.
        """
        folder = self.folder.resolve()
        self._drop_old(folder)
        path = folder / f"{digest_of(data)[:12]}-{name[-LONGEST_NAME:]}"
        if atomic.digest_at(path) is None:
            atomic.write(path, data, None)
            with contextlib.suppress(OSError):  # the folder above it is the user's alone
                path.chmod(0o600)
        return path

    def _drop_old(self, folder: Path) -> None:
        before = days_ago(self.days)
        with contextlib.suppress(OSError):  # there is no folder yet, or a file is in use: then another time
            for path in folder.iterdir():
                if path.stat().st_mtime < before:
                    path.unlink()
