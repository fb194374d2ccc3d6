"""Opening a database: migrations, a newer version, and failures of the file or the disk."""

import contextlib
import os
import re
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from server.common.errors import StoreError
from server.store.database import Database, open_database
from server.store.history import History
from server.store.migrations.backup import backup_path, restore, schema_of
from server.store.migrations.migrate import HEAD, MIGRATIONS
from server.store.records import OffloadFilter, UndoRecord
from server.store.tables import metadata
from tests.store.offloads import attempt, end, start

pytestmark = pytest.mark.anyio
T = TypeVar("T")


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    """A database upgraded by every migration, from the first."""
    path = tmp_path / "migrated.db"
    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    return path


def schema(path: Path) -> dict[str, object]:
    """Return the parts of each table, whatever the order of columns: the code always names them."""
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    parts = ("table_info", "foreign_key_list", "index_list")
    found: dict[str, object] = {}
    for table in tables:
        for part in parts:
            rows = connection.execute(f"PRAGMA {part}({table})")
            found[f"{table}: {part}"] = sorted(
                repr(row[1:]) for row in rows
            )  # the first value is the position
    found |= dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type <> 'table'"))
    connection.close()
    return found


@pytest.mark.fast
def test_new_database_equals_a_migrated_one(database: Path, migrated: Path) -> None:
    open_database(migrated).close_now()
    assert schema(database) == schema(migrated)
    for path in (database, migrated):
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        connection.close()


@pytest.mark.fast
def test_migrations_create_the_tables_of_the_code(migrated: Path) -> None:
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@pytest.mark.fast
def test_head_constant_names_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


async def test_database_of_a_newer_version_is_refused_unchanged(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = database.read_bytes()

    with pytest.raises(StoreError, match="newer version") as caught:
        await History.open(database)

    assert "token-saver update" in caught.value.next_step
    assert database.read_bytes() == before
    assert not backup_path(database).exists()


async def test_a_migration_keeps_the_history_from_before(tmp_path: Path) -> None:
    path = older_database(tmp_path / "history.db")
    open_database(path).close_now()
    backup = backup_path(path)
    assert (schema_of(path), schema_of(backup)) == (HEAD, "0016")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir() if "history.db" in each.name) == [
        "history.db",
        "history.db.before-update",
    ]
    kept = backup.read_bytes()
    open_database(path).close_now()  # no migration, no new backup
    assert backup.read_bytes() == kept
    restore(backup, path)
    assert schema_of(path) == "0016"
    assert schema(path) == schema(backup)


async def test_a_migration_without_a_backup_does_not_start(
    tmp_path: Path,
) -> None:
    path = older_database(tmp_path / "history.db")
    backup_path(path).mkdir()  # a file cannot replace a folder
    with pytest.raises(StoreError, match="cannot be backed up before its migration"):
        open_database(path)
    assert schema_of(path) == "0016"
    assert [each.name for each in tmp_path.glob(".*")] == [], "the draft is removed"


async def test_a_new_database_has_no_backup(database: Path) -> None:
    assert not backup_path(database).exists()


async def test_the_error_of_an_older_app_names_the_backup(tmp_path: Path) -> None:
    path = older_database(tmp_path / "history.db")
    open_database(path).close_now()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError) as caught:
        open_database(path)
    assert caught.value.next_step.endswith(f"{backup_path(path)} is the history from before the last update.")


def older_database(path: Path) -> Path:
    """Make a database of the schema before the present one."""
    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0016")
    engine.dispose()
    return path


@pytest.mark.parametrize(
    "garbage",
    [b"this was never a database, only text" * 100, b"SQLite format 3\0" * 400],
    ids=["text", "header-only"],
)
async def test_damaged_file_is_moved_aside_and_a_new_one_started(database: Path, garbage: bytes) -> None:
    database.write_bytes(garbage)

    history = await History.open(database)
    await history.start(start("a"))
    rows = await history.page(OffloadFilter())
    await history.close()

    kept = [path for path in database.parent.iterdir() if "damaged" in path.name]
    assert [path.read_bytes() for path in kept] == [garbage]
    assert str(kept[0]) in history.notice
    assert len(rows) == 1


async def test_restart_replaces_a_file_found_damaged_while_in_use(database: Path) -> None:
    history = await History.open(database)
    for number in range(200):
        await history.start(start(str(number), task="x" * 500))
    await history.close()
    data = bytearray(database.read_bytes())
    # Overwrite all but the first pages: the damage shows only when those pages are read.
    data[len(data) // 4 :] = b"\xff" * (len(data) - len(data) // 4)
    database.write_bytes(data)

    history = await History.open(database)
    await history.close()

    assert "damaged" in history.notice


async def test_only_the_owner_moves_a_damaged_file_aside(database: Path) -> None:
    garbage = b"this was never a database, only text" * 100
    database.write_bytes(garbage)

    with pytest.raises(StoreError, match="damaged") as caught:
        await History.open(database, owner=False)

    assert caught.value.next_step.startswith("Restart Token Saver")
    assert [path.name for path in database.parent.iterdir() if path.suffix != ".log"] == [database.name]
    assert database.read_bytes() == garbage


class NotedLevels(Database):
    """Records SQLite's ``synchronous`` level at each write: 1 is NORMAL, 2 is FULL."""

    levels: list[object]

    async def write(self, function: Callable[[Connection], T], *, durable: bool = False) -> T:
        def noted(connection: Connection) -> T:
            self.levels.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
            return function(connection)

        return await super().write(noted, durable=durable)


async def test_undo_data_and_deliveries_are_written_durably(database: Path) -> None:
    """A power cut must not lose what decides whether a file is restored."""
    noted = NotedLevels(database)
    noted.levels = []
    history = History(noted)
    await history.start(start("a"))
    await history.save_undo("a", UndoRecord("/p/out.py", b"old", "ab" * 32))
    await history.attempt("a", attempt())
    await history.save_undo("a", None)
    await history.finish("a", end())
    await history.start(start("b"))
    await history.finish("b", end("handed_back"))
    await history.close()
    assert noted.levels == [1, 2, 1, 1, 2, 1, 1]


async def test_text_that_is_not_utf_8_is_refused_with_a_reason(history: History) -> None:
    with pytest.raises(StoreError, match="not UTF-8") as caught:
        await history.start(start("a", project="/p/caf\udce9"))
    assert str(caught.value).isascii()
    assert await history.get("a") is None


async def test_error_names_a_lock(database: Path) -> None:
    other = sqlite3.connect(database)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StoreError, match="locked by another program") as caught:
            open_database(database, busy_seconds=0.05)
        assert caught.value.next_step.startswith("Close the program")
    finally:
        other.close()


async def test_short_lock_is_waited_for(history: History, database: Path) -> None:
    other = sqlite3.connect(database, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = history.start(start("a"))
    other.rollback()
    await waiting
    other.close()
    assert await history.get("a") is not None


async def test_full_disk_leaves_the_row_unchanged(history: History) -> None:
    await history.start(start("a"))

    def fill(connection: object) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()  # type: ignore[attr-defined]
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    await history.database.write(fill)
    with pytest.raises(StoreError, match=r"disk .* is full") as caught:
        await history.finish("a", end(diff="x" * 5_000_000))
    assert "Free some space" in caught.value.next_step
    detail = await history.get("a")
    assert detail is not None
    assert detail.row.outcome == "running"
    assert (await history.totals()).offloads == 0


@pytest.fixture
def as_ordinary_user() -> Iterator[Path]:
    """A folder open to everyone, used without root's rights (root may write everywhere)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        if os.geteuid() != os.getuid():
            os.seteuid(os.getuid())


async def test_error_names_an_unwritable_file(as_ordinary_user: Path, empty_database: Path) -> None:
    database = as_ordinary_user / "history.db"
    database.write_bytes(empty_database.read_bytes())
    database.chmod(stat.S_IREAD)
    as_ordinary_user.chmod(0o555)
    if os.getuid() == 0:
        os.seteuid(65534)
    with pytest.raises(StoreError, match=re.escape(str(database))) as caught:
        await History.open(database)
    assert "writable" in caught.value.next_step


async def test_error_names_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        await History.open(tmp_path / "nowhere" / "history.db")


async def test_outdated_search_index_is_rebuilt(database: Path) -> None:
    """A SQLite without full-text search drops the triggers, which leaves the index outdated."""
    history = await History.open(database)
    await history.start(start("a", task="first"))
    await history.close()
    connection = sqlite3.connect(database)
    for name in ("search_insert", "search_update", "search_delete"):
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE offload SET task = 'second'")
    connection.commit()
    connection.close()

    history = await History.open(database)
    found = [len(await history.page(OffloadFilter(search=word))) for word in ("first", "second")]
    await history.close()
    assert found == [0, 1]


async def test_totals_of_an_older_version_are_recalculated(database: Path) -> None:
    history = await History.open(database)
    await history.start(start("a"))
    await history.finish("a", end())
    await history.close()
    connection = sqlite3.connect(database)
    connection.execute("DROP TRIGGER total_update")
    connection.execute("UPDATE total SET net_tokens = 12345")
    connection.commit()
    connection.close()

    history = await History.open(database)
    totals = await history.totals()
    await history.close()
    assert totals.net_tokens == 293
