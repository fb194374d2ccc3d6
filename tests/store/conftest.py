"""Fixtures: histories in real SQLite files."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.store.history import History
from tests.new_database import copy_new_database
from tests.store.offloads import end, start


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of this version, to be copied."""
    path = tmp_path_factory.mktemp("store") / "history.db"
    copy_new_database(path)
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An empty database of this version."""
    path = tmp_path / "history.db"
    copy_new_database(path)
    return path


@pytest.fixture
async def history(database: Path) -> AsyncIterator[History]:
    opened = await History.open(database)
    yield opened
    await opened.close()


@pytest.fixture
async def filled(history: History) -> History:
    """A history of five offloads by two tools, in two projects, with three models; one offload failed."""
    now = time.time()
    await history.start(start("a", now - 400, task="Write slugify(text)", output="src/slug.py"))
    await history.finish("a", end(model="small"))
    await history.start(start("b", now - 300, tool="compress_context", task="Sum up the log", output=None))
    await history.finish("b", end("returned", model="large", names=("logs/build_2026.log",)))
    await history.start(start("c", now - 200, project="/other", task="Docstrings for Café", output="café.py"))
    await history.finish("c", end("failed", model="large", spared=0, code="backend_unreachable"))
    await history.start(start("d", now - 100, client="claude-desktop", task="Tests for slug"))
    await history.finish("d", end(model="third"))
    await history.start(start("e", now, task="Still at it"))
    return history
