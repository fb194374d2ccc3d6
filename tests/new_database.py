"""Copies of an empty database. A copy takes a third of the time that making the tables takes."""

import functools
import tempfile
from pathlib import Path

from server.store.database import open_database


def copy_new_database(path: Path) -> None:
    """Put an empty database of this version at ``path``, unless a file is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_new_database())


@functools.cache
def _new_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        open_database(path).close_now()
        return path.read_bytes()
