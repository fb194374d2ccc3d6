"""Migrates a database to this version's tables, using the Alembic scripts in ``versions/``.

The newest revision is a constant here so that Alembic is not loaded for a new or up-to-date database. Tests
compare the constant and a new database's tables with the migrations.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from server.common.errors import StoreError
from server.store import (  # noqa: F401 - they fill the metadata
    job_tables,
    policy_tables,
    result_digest_tables,
)
from server.store.migrations.backup import backup_path
from server.store.tables import metadata

HEAD = "0020"
MIGRATIONS = Path(__file__).parent


def needs_migration(connection: Connection, path: Path) -> bool:
    """Return whether an earlier version wrote the database.

    Raises:
        StoreError: a newer version wrote the database. It is left unchanged.
    """
    version = _version(connection)
    if version == HEAD or not inspect(connection).get_table_names():
        return False
    if version is not None and version not in _revisions():
        raise _too_new(version, path)
    return True


def migrate(connection: Connection) -> None:
    """Create the tables or run any missing migrations, in the connection's transaction."""
    if _version(connection) == HEAD:
        return
    if not inspect(connection).get_table_names():
        _make_tables(connection)
        return
    # Alembic takes 0.2 s to import and is rarely needed.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revisions() -> set[str]:
    return {path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("*.py")}


def _too_new(version: str, path: Path) -> StoreError:
    backup = backup_path(path)
    kept = f" {backup} is the history from before the last update." if backup.exists() else ""
    return StoreError(
        f"A newer version of Token Saver wrote the history {path} "
        f"(schema {version}; this version reads schema {HEAD}).",
        f"Run `token-saver update`, or set TOKEN_SAVER_HOME to another folder. The file is unchanged.{kept}",
    )


def _make_tables(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    # The same statement as Alembic's.
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version ("
        "version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row.version_num)
