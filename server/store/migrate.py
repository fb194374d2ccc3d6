"""Bring a database's tables to this version of the app, with the migrations in ``migrations/``.

The newest version's name is here as a constant, so that an up-to-date database opens, and a new one is
made, without loading Alembic; tests hold the constant, and what a new one is made of, to the migrations.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from server.common.errors import StoreError
from server.store import job_tables, measurement_tables, policy_tables  # noqa: F401 - fill the metadata
from server.store.tables import metadata

HEAD = "0007"
MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(connection: Connection) -> None:
    """Make the tables, or run the migrations that are missing, inside the connection's transaction.

    Raises:
        StoreError: the database was made by a newer version; it was not touched.
    """
    version = _version(connection)
    if version == HEAD:
        return
    if not inspect(connection).get_table_names():
        _make_tables(connection)
        return
    # Alembic takes 0.2 s to import and is rarely needed.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(
            f"The history was written by a newer version of Token Saver (its schema is {version}).",
            "Update Token Saver, or set TOKEN_SAVER_HOME to another folder; the file was not touched.",
        )
    command.upgrade(config, "head")


def _make_tables(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    # As Alembic makes it.
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
