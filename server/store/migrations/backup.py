"""Backups of the history: consistent copies of a database that may be in use."""

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path

SUFFIX = ".before-update"


def backup_path(database: Path) -> Path:
    """Return where the copy from before the last migration is kept."""
    return database.with_name(database.name + SUFFIX)


def back_up(database: Path, target: Path) -> None:
    """Copy a database, including transactions in its write-ahead log. ``target`` is complete or unchanged.

    Raises:
        sqlite3.Error: the database cannot be read, or the copy cannot be written.
        OSError: the copy cannot be created.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}.new")
    try:
        # Private from the first byte on, like the database.
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        source, copy = sqlite3.connect(database), sqlite3.connect(draft)
        with contextlib.closing(source), contextlib.closing(copy):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # the copy needs no files beside it
        _flush(draft)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def restore(backup: Path, database: Path) -> None:
    """Replace a closed database by a backup. The backup is kept.

    Raises:
        sqlite3.Error: the backup cannot be read, or the database cannot be written.
        OSError: the files cannot be replaced.
    """
    for suffix in ("-wal", "-shm"):  # they belong to the contents that are replaced
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    back_up(backup, database)


def schema_of(database: Path) -> str:
    """Return the schema version of a database; empty for a missing file or one without tables.

    Raises:
        sqlite3.Error: the database cannot be read.
    """
    if not database.exists():
        return ""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = found and connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
