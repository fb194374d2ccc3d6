"""Tests of a disk that fills up during a write: nothing changes, the error is reported, and work resumes
later.

Model downloads are tested in ``tests/backends/test_weights.py``; a disk that fills up at random moments is a
fault of the campaign.
"""

import sys
import threading
import time
from pathlib import Path

import anyio
import psutil
import pytest

from server.common.errors import StoreError, WriteFailed
from server.offload.delivery import atomic
from server.store.history import History
from server.store.records import OffloadFilter
from tests.faults.disk import no_file_beyond
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.store.offloads import end, start

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files"),
]

ROOM = 100_000


@pytest.mark.parametrize("before", [b"what was there\n", None])
async def test_a_file_on_a_full_disk_is_unchanged(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "new" / "notes.md" if before is None else tmp_path / "notes.md"
    if before is not None:
        path.write_bytes(before)
    expected = atomic.digest_at(path)
    with no_file_beyond(ROOM), pytest.raises(WriteFailed, match="free space"):
        atomic.write(path, b"x" * 3 * ROOM, expected)
    assert list(tmp_path.rglob("*")) == ([] if before is None else [path])
    atomic.write(path, b"x" * 3 * ROOM, expected)
    assert path.stat().st_size == 3 * ROOM


async def test_a_history_on_a_full_disk_is_unchanged(tmp_path: Path) -> None:
    history = await History.open(tmp_path / "history.db")
    try:
        await history.start(start("a"))
        with no_file_beyond(ROOM), pytest.raises(StoreError) as caught:
            await history.finish("a", end(diff="x" * 5_000_000))
        assert caught.value.next_step
        detail = await history.get("a")
        assert detail is not None
        assert detail.row.outcome == "running"
        await history.finish("a", end(diff="x" * 5_000_000))
        assert (await history.totals()).offloads == 1
    finally:
        await history.close()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
@pytest.mark.parametrize("answer", ["VALUE = 2\n", ""], ids=["delivered", "handed back"])
async def test_an_unrecorded_end_is_not_a_delivery_and_is_recorded_later(tmp_path: Path, answer: str) -> None:
    """The disk fills up while the model works: the file is unchanged, the client gets an error, and the row
    is updated as soon as there is space."""
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    (project / "value.py").write_text("VALUE = 1\n")
    full = threading.Event()
    with OllamaStandIn() as ollama:
        text = f"```python\n{answer}```" if answer else ""
        ollama.answers.default = Answer(tokens=(text,), held=full)
        with start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, TOKEN_SAVER_ROOTS=f'["{project}"]') as hub:
            async with anyio.create_task_group() as group:
                group.start_soon(_fill_when_busy, hub, ollama, full)
                async with http_client(hub, "2026-07-28") as client:
                    task = {"task": "Let it be two.", "files": ["value.py"], "output": "value.py"}
                    result = await client.call_tool("offload_work", task)
            assert result.is_error
            assert "store_failed" in text_of(result)
            psutil.Process(hub.process.pid).rlimit(psutil.RLIMIT_FSIZE, (-1, -1))
            row = await _ended(home)
    assert row == ("failed", "store_failed")
    assert (project / "value.py").read_text() == "VALUE = 1\n"
    assert [path.name for path in project.iterdir()] == ["value.py"]


async def _fill_when_busy(hub: HubProcess, ollama: OllamaStandIn, full: threading.Event) -> None:
    while not ollama.running:
        await anyio.sleep(0.01)
    psutil.Process(hub.process.pid).rlimit(psutil.RLIMIT_FSIZE, (0, -1))
    full.set()


async def _ended(home: Path) -> tuple[str, str]:
    """Return outcome and code of the only offload, once it has ended."""
    history = await History.open(home / "history.db", owner=False)
    try:
        deadline = time.monotonic() + 120
        while True:
            row = (await history.page(OffloadFilter()))[0]
            if row.outcome != "running":
                return row.outcome, row.code
            assert time.monotonic() < deadline, "the offload never ended"
            await anyio.sleep(0.1)
    finally:
        await history.close()
