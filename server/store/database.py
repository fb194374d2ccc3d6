"""A single SQLite file with one writer thread and several reader threads.

``open_database`` creates or migrates the file; before a migration it makes a backup. A damaged file is moved
aside and a new one started, with a notice. A file from a newer version is refused and left unchanged. Every
failure is a ``StoreError`` with a next step.
"""

import asyncio
import errno
import logging
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from server.common.errors import StoreError
from server.store.migrations.backup import back_up, backup_path
from server.store.migrations.migrate import migrate, needs_migration
from server.store.search import ensure_search
from server.store.totals import ensure_totals

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
READERS = 3
# Files up to this size are checked at every start (about 0.2 s). Larger files are checked only if marked as
# damaged.
CHECKED_BYTES = 64 * 2**20
_NO_SPACE = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG")} - {None}

T = TypeVar("T")


class Database:
    """An open database.

    ``read`` and ``write`` run a function that takes a connection in a thread, in one transaction. A write
    that has started completes even if the awaiting task is cancelled.

    Attributes:
        notice: a sentence for the user about how opening the file went; usually empty.
        trouble: the error of the last write; None after a success.
    """

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self.notice = ""
        self.trouble: StoreError | None = None
        self.can_search = False
        self._writing = _engine(path, "BEGIN IMMEDIATE", busy_seconds)
        self._reading = _engine(path, "BEGIN", busy_seconds)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="history-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="history-read")

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Run ``function(connection)`` in a reader thread, on a consistent snapshot, and return its result.

        Raises:
            StoreError: the database cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, self._run, self._reading, function
        )

    async def write(self, function: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Run ``function(connection)`` in the writer thread, as one transaction, and return its result.

        Args:
            durable: return only once this and all earlier transactions are on disk, so that a power failure
                cannot lose them. Later transactions can be lost, but never partially.

        Raises:
            StoreError: the database cannot be written.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._writer, self._run_write, function, durable
        )

    async def flush(self) -> None:
        """Wait until all writes requested so far have finished, including those whose task was cancelled."""
        await asyncio.get_running_loop().run_in_executor(self._writer, lambda: None)

    async def close(self) -> None:
        """Finish the queued work and close the file."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """Like ``close``, but without an event loop."""
        self._readers.shutdown()
        self._writer.shutdown()
        self._reading.dispose()
        self._writing.dispose()

    def prepare(self) -> None:
        """Bring tables, triggers and the search index up to this version.

        Raises:
            StoreError: a newer version wrote the database, or it cannot be backed up or migrated.
        """
        with explained(self.path), self._writing.begin() as connection:
            if needs_migration(connection, self.path):
                # No other process can migrate or write now.
                _back_up(self.path)
            migrate(connection)
            ensure_totals(connection)
            self.can_search = ensure_search(connection)

    def _run_write(self, function: Callable[[Connection], T], durable: bool) -> T:
        try:
            result = self._run_durable(function) if durable else self._run(self._writing, function)
        except StoreError as error:
            self.trouble = error
            raise
        self.trouble = None
        return result

    def _run(self, engine: Engine, function: Callable[[Connection], T]) -> T:
        with explained(self.path), engine.begin() as connection:
            return function(connection)

    def _run_durable(self, function: Callable[[Connection], T]) -> T:
        with explained(self.path), self._writing.connect() as connection:
            driver = connection.connection.cursor()  # the level cannot be changed within a transaction
            driver.execute("PRAGMA synchronous = FULL")
            try:
                with connection.begin():
                    return function(connection)
            finally:
                driver.execute("PRAGMA synchronous = NORMAL")


def open_database(path: Path, busy_seconds: float = BUSY_SECONDS, *, owner: bool = True) -> Database:
    """Open the database, creating or migrating it. Blocks.

    Args:
        owner: whether this process may move a damaged file aside. Only the hub may.

    Raises:
        StoreError: the file is locked or damaged, cannot be read or written, or comes from a newer version.
    """
    notice = ""
    if _is_damaged(path):
        if not owner:
            raise _damaged(path)
        notice = _move_aside(path)
    _make_private(path)
    database = Database(path, busy_seconds)
    try:
        database.prepare()
    except StoreError:
        database.close_now()
        raise
    database.notice = notice
    return database


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Convert SQLite errors to ``StoreError``, marking a damaged file as such.

    Text that is not valid UTF-8 (a lone surrogate) also raises a ``StoreError``.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        raise StoreError(
            f"The history {path} cannot store text that is not UTF-8 ({error.object[error.start]!a}).",
            "The text is probably the name of a folder. Rename that folder.",
        ) from error
    except DBAPIError as error:
        raise _explain(error.orig, path) from error
    except sqlite3.Error as error:
        raise _explain(error, path) from error


def _engine(path: Path, begin: str, busy_seconds: float) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver would begin a transaction only before some statements. The "begin" below covers all
        # statements.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode this survives a crash of the app. A power failure can lose the last transactions but
        # does not damage the file. ``write`` with ``durable`` protects transactions that must not be lost.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -4000")
        connection.execute("PRAGMA temp_store = MEMORY")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _back_up(path: Path) -> None:
    try:
        back_up(path, backup_path(path))
    except OSError as error:
        raise StoreError(
            f"The history {path} cannot be backed up before its migration: {error.strerror}.",
            "Fix the problem, then start Token Saver again. The history is unchanged.",
        ) from None


def _explain(error: BaseException | None, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    message = str(error).rstrip(".")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        _mark_damaged(path)
        return _damaged(path, f" ({message})")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(
            f"The history {path} is locked by another program.",
            "Close the program that has it open, then try again.",
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"The disk with {path} is full.", "Free some space, then try again.")
    if code == sqlite3.SQLITE_IOERR and (reason := _no_space_reason(path)):
        return StoreError(
            f"There is no space to write {path} ({reason}).", "Free some space, then try again."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreError(
            f"The history {path} cannot be written ({message}).",
            "Make the file and its folder writable, or set TOKEN_SAVER_HOME to another folder.",
        )
    return StoreError(
        f"The history {path} failed ({message}).", "Try again. If this happens again, restart the app."
    )


def _damaged(path: Path, detail: str = "") -> StoreError:
    return StoreError(
        f"The history {path} is damaged{detail}.",
        "Restart Token Saver. It moves the damaged file aside and starts a new file.",
    )


def _no_space_reason(path: Path) -> str:
    """Return why a file next to the history could not grow to the same size; empty if it could.

    SQLite detects a full disk, but not an exhausted quota or a file size limit.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.seek(path.stat().st_size)
            probe.write(bytes(4096))
    except OSError as error:
        return str(error.strerror) if error.errno in _NO_SPACE else ""
    return ""


def _is_damaged(path: Path) -> bool:
    if not path.exists():
        return False
    marked = _marker(path).exists()
    if not marked and path.stat().st_size > CHECKED_BYTES:
        return False
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            return bool(connection.execute(text("PRAGMA quick_check(1)")).scalar() != "ok")
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    finally:
        engine.dispose()


def _make_private(path: Path) -> None:
    """Create the file with mode 0600, because it holds prompts and earlier file contents.

    SQLite gives its ``-wal`` and ``-shm`` files the same mode. If the file cannot be created, opening it will
    report the error.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        beside = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
        for file in (path, *(each for each in beside if each.exists())):
            file.chmod(0o600)


def _move_aside(path: Path) -> str:
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        path.rename(kept)
        for suffix in ("-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(kept.with_name(kept.name + suffix))
        _marker(path).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"The history {path} is damaged and cannot be moved aside: {error}.", "Remove the file yourself."
        ) from None
    notice = f"The history was damaged. The damaged file was kept as {kept}, and a new history was started."
    logger.error(notice)
    return notice


def _mark_damaged(path: Path) -> None:
    try:
        _marker(path).touch()
    except OSError as error:
        logger.warning("could not mark %s as damaged: %s", path, error)


def _marker(path: Path) -> Path:
    return path.with_name(path.name + ".damaged")
