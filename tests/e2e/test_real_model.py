"""Tests of ``offload_work`` without stand-ins: a real client, bridge, hub and model."""

import ast
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.store.history import History
from server.store.records import OffloadFilter, OffloadRow
from tests.engine_models import QWEN, SMOLLM2, put_model
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import bridge_client, text_of
from tests.standins.serving import wait_until

SECONDS = 240
TASK = (
    "Write a Python function slugify(text) that returns text in lower case with every run of characters "
    "other than a-z and 0-9 replaced by one dash, without dashes at the ends."
)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    home = tmp_path_factory.mktemp("real")
    put_model(home, QWEN)
    with start_hub(home, **embedded(QWEN)) as running:
        yield running


def embedded(model: str) -> dict[str, str]:
    return {
        "TOKEN_SAVER_BACKEND__KIND": "embedded",
        "TOKEN_SAVER_BACKEND__URL": "",
        "TOKEN_SAVER_EMBEDDED__MODEL": model,
        "TOKEN_SAVER_OFFLOAD__TEMPERATURE": "0",
    }


def rows(home: Path) -> tuple[OffloadRow, ...]:
    async def read() -> tuple[OffloadRow, ...]:
        history = await History.open(home / "history.db", owner=False)
        try:
            return await history.page(OffloadFilter())
        finally:
            await history.close()

    return asyncio.run(read())


def test_a_file_that_parses_and_a_summary(hub: HubProcess, tmp_path: Path) -> None:
    async def offload() -> str:
        async with bridge_client(hub.environ, tmp_path) as client:
            result = await client.call_tool(
                "offload_work", {"task": TASK, "output": "slug.py"}, read_timeout_seconds=SECONDS
            )
            assert not result.is_error, text_of(result)
            return text_of(result)

    digest = asyncio.run(offload())
    module = ast.parse((tmp_path / "slug.py").read_text())
    assert "slugify" in [node.name for node in module.body if isinstance(node, ast.FunctionDef)]
    assert len(digest) < 400
    assert "slug.py" in digest
    [row] = rows(hub.home)
    assert row.outcome == "delivered"
    assert row.completion_tokens > 0
    assert row.model == QWEN
    wait_until(lambda: hub.get("/api/status")["saved_all"]["delivered"] == 1)
    wait_until(lambda: [m["name"] for m in hub.get("/api/status")["engine"]["loaded"]] == [QWEN], 60)


def test_the_engine_ends_with_the_hub(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    put_model(home, SMOLLM2)
    with start_hub(home, **embedded(SMOLLM2)) as hub:
        load = [sys.executable, "-P", "-m", "tray.main", "models", "load", SMOLLM2, "--json"]
        done = subprocess.run(
            load, env=hub.environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["model"] == SMOLLM2
        children = psutil.Process(hub.process.pid).children(recursive=True)
        assert children
        assert hub.stop() == 0
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive


def test_the_engine_ends_with_a_killed_hub(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    put_model(home, SMOLLM2)
    with start_hub(home, **embedded(SMOLLM2)) as hub:
        load = [sys.executable, "-P", "-m", "tray.main", "models", "load", SMOLLM2]
        subprocess.run(load, env=hub.environ, cwd=tmp_path, capture_output=True, check=True)
        children = psutil.Process(hub.process.pid).children(recursive=True)
        assert children
        hub.process.kill()
        hub.process.wait()
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive
