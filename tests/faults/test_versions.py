"""Tests of files of other versions of the app: older ones are migrated completely, newer ones are refused
and stay unchanged byte for byte."""

import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from server.store.history import History
from server.store.migrations.migrate import HEAD, MIGRATIONS
from server.store.records import OffloadFilter
from tests.hub_process import hub_environ, start_hub

pytestmark = pytest.mark.anyio

OLDER = sorted(
    script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions() if script.revision != HEAD
)


@pytest.mark.parametrize("version", OLDER)
async def test_a_history_of_each_older_version_is_migrated(tmp_path: Path, version: str) -> None:
    database = tmp_path / "history.db"
    _make(database, version)
    history = await History.open(database)
    try:
        [row] = await history.page(OffloadFilter())
        assert (row.id, row.task, row.outcome, row.net_tokens) == ("old", "Write tests.", "delivered", 120)
        totals = await history.totals()
        assert (totals.offloads, totals.delivered, totals.net_tokens) == (1, 1, 120)
        assert history.notice == ""
    finally:
        await history.close()
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


async def test_a_hub_starts_on_the_oldest_history(tmp_path: Path) -> None:
    _make(tmp_path / "history.db", OLDER[0])
    with start_hub(tmp_path) as hub:
        assert hub.get("/api/status")["saved_all"]["net_tokens"] == 120


def test_settings_of_a_newer_version_are_refused_unchanged(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("# mine\n[offload]\nrepair_rounds = 1\nfrom_the_future = true\n")
    before = _digests(tmp_path)
    done = _serve(tmp_path)
    assert done.returncode == 1
    assert "config.toml, line 4: offload.from_the_future is not a setting" in done.stderr
    assert done.stderr.count("\n") == 1
    assert before.items() <= _digests(tmp_path).items()


def test_a_history_of_a_newer_version_is_refused_unchanged(tmp_path: Path) -> None:
    _make(tmp_path / "history.db", HEAD)
    with closing(sqlite3.connect(tmp_path / "history.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = _digests(tmp_path)
    done = _serve(tmp_path)
    assert done.returncode == 1
    assert "newer version of Token Saver" in done.stderr
    assert before.items() <= _digests(tmp_path).items()


def _make(database: Path, version: str) -> None:
    """Create the file as that version did, with one offload."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        connection.exec_driver_sql(
            "INSERT INTO offload (id, started_at, ended_at, day, tool, task, outcome, net_tokens) "
            "VALUES ('old', 1763700000, 1763700009, '2025-11-21', 'offload_work', 'Write tests.', "
            "'delivered', 120)"
        )
    engine.dispose()


def _serve(home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "tray.main", "serve"],
        env=hub_environ(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _digests(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.iterdir() if path.is_file() and "-" not in path.name]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
