"""One SQLite file, opened with care: one thread writes, others read, the event loop never waits.

``open_database`` creates or migrates the file. A damaged file is kept aside and a new one begun, loudly;
one from a newer version of the app is refused unharmed. Every failure is a ``StoreError`` with its next
step.
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
from server.store.migrate import migrate
from server.store.search import ensure_search
from server.store.totals import ensure_totals

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
READERS = 3
# Files up to this size are checked whole at every start (some 0.2 s); larger ones when marked as damaged.
CHECKED_BYTES = 64 * 2**20
_NO_ROOM = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG")} - {None}

T = TypeVar("T")


class Database:
    """An open database. ``notice`` is a sentence for the user where something happened on opening;
    ``trouble`` is why the last write failed, None where it went well.

    ``read`` and ``write`` run a function of a connection in a thread, in one transaction. A write that
    was begun completes even if the task that awaits it is cancelled.
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
        """Return ``function(connection)``, run in a reading thread on one consistent state.

        Raises:
            StoreError: the database cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, self._run, self._reading, function
        )

    async def write(self, function: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Return ``function(connection)``, run in the writing thread: all of it happens, or nothing.

        ``durable``: when it returns, the disk has it and all before it, so that a power cut takes nothing of
        that away. Any other write it may take away, up to the last durable one, never a part of one.

        Raises:
            StoreError: the database cannot be written.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._writer, self._run_write, function, durable
        )

    async def written(self) -> None:
        """Return when all writes asked for up to now have ended: one that has begun goes on in its thread
        even if the task that asked for it was cancelled."""
        await asyncio.get_running_loop().run_in_executor(self._writer, lambda: None)

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """As ``close``, for a caller without an event loop."""
        self._readers.shutdown()
        self._writer.shutdown()
        self._reading.dispose()
        self._writing.dispose()

    def prepare(self) -> None:
        """Bring tables, triggers and the search index to this version's."""
        with explained(self.path), self._writing.begin() as connection:
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
            driver = connection.connection.cursor()  # within a transaction the level cannot be changed
            driver.execute("PRAGMA synchronous = FULL")
            try:
                with connection.begin():
                    return function(connection)
            finally:
                driver.execute("PRAGMA synchronous = NORMAL")


def open_database(path: Path, busy_seconds: float = BUSY_SECONDS, *, owner: bool = True) -> Database:
    """Open the database, create or migrate it; blocks.

    Only its ``owner`` moves a damaged file aside: anybody else would take it from under the owner's hands.

    Raises:
        StoreError: it is locked, damaged, cannot be read or written, or is of a newer version.
    """
    notice = ""
    if _is_damaged(path):
        if not owner:
            raise _damaged(path)
        notice = _keep_aside(path)
    _keep_private(path)
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
    """Turn SQLite's errors into ``StoreError``, and mark a file that proves damaged. Text that SQLite cannot
    hold, half of a surrogate pair, is one, too."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise StoreError(
            f"The history {path} cannot hold a text that is not UTF-8 ({error.object[error.start]!a}).",
            "Most often it is the name of a folder: rename that.",
        ) from error
    except DBAPIError as error:
        raise _explain(error.orig, path) from error
    except sqlite3.Error as error:
        raise _explain(error, path) from error


def _engine(path: Path, begin: str, busy_seconds: float) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver would begin transactions only before some statements; "begin" below does it for all.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode this survives a crash of the app; a power cut may lose the last rows, never break. Those
        # that it must not lose are written by ``write`` with ``durable``.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -4000")
        connection.execute("PRAGMA temp_store = MEMORY")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _explain(error: BaseException | None, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    words = str(error).rstrip(".")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        _mark_damaged(path)
        return _damaged(path, f" ({words})")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(
            f"The history {path} is locked by another program.",
            "Close the program that has it open, then try again.",
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"The disk that holds {path} is full.", "Free some space, then try again.")
    if code == sqlite3.SQLITE_IOERR and (why := _why_no_room(path)):
        return StoreError(f"There is no room to write {path} ({why}).", "Free some space, then try again.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreError(
            f"The history {path} cannot be written ({words}).",
            "Make the file and its folder writable, or set TOKEN_SAVER_HOME to another folder.",
        )
    return StoreError(f"The history {path} failed ({words}).", "Try again; if it lasts, restart the app.")


def _damaged(path: Path, how: str = "") -> StoreError:
    return StoreError(
        f"The history {path} is damaged{how}.",
        "Restart Token Saver: it keeps the damaged file aside and begins a new one.",
    )


def _why_no_room(path: Path) -> str:
    """Say why no file beside this one can grow to its size; empty where one can.

    SQLite knows a full disk, but not a used up quota nor a limit on the size of files.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.seek(path.stat().st_size)
            probe.write(bytes(4096))
    except OSError as error:
        return str(error.strerror) if error.errno in _NO_ROOM else ""
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


def _keep_private(path: Path) -> None:
    """Let the user alone read it, for it holds prompts and old bytes of files; SQLite gives the files that it
    makes beside it the same mode. What keeps it from being made is said by what opens it next."""
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        beside = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
        for file in (path, *(each for each in beside if each.exists())):
            file.chmod(0o600)


def _keep_aside(path: Path) -> str:
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
            f"The history {path} is damaged and cannot be moved aside: {error}.", "Remove it yourself."
        ) from None
    notice = f"The history was damaged. It is kept as {kept}, and a new one was begun."
    logger.error(notice)
    return notice


def _mark_damaged(path: Path) -> None:
    try:
        _marker(path).touch()
    except OSError as error:
        logger.warning("cannot mark %s as damaged: %s", path, error)


def _marker(path: Path) -> Path:
    return path.with_name(path.name + ".damaged")
