"""Tests of a kill while a batch waits for approval, and after the approval."""

import asyncio
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult

from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import bridge_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

NOTES = "# Notes\n\nThis file holds one function that returns a number.\n"
FILES = 51
"""One more than the limit of files without approval."""
BATCH = {"task": "Write notes on this file.", "each": ["*.py"], "output": "{stem}.md", "wait": False}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"mod_{number}.py").write_text(f"def value_{number}():\n    return {number}\n")
    return folder


async def test_only_an_approved_batch_continues(
    tmp_path: Path, project: Path, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.default = Answer(NOTES, delay=0.002)
    dead = threading.Event()
    ollama_standin.answers.when(f"def value_{FILES - 1}()", Answer(NOTES, held=dead))
    home, engine = tmp_path / "home", {"TOKEN_SAVER_BACKEND__URL": ollama_standin.url}
    with start_hub(home, **engine) as first:
        async with bridge_client(first.environ, project) as client:
            call = asyncio.create_task(client.call_tool("batch_offload", BATCH))
            await _until(lambda: len(_waiting(first)) == 1)
            _kill(first)
            with pytest.raises(MCPError, match=r"hub_unreachable: .*Call again.*do not repeat the call"):
                await call
            with start_hub(home, **engine) as second:
                assert _waiting(second) == []
                assert (_jobs(home), _chats(ollama_standin), _notes(project)) == ([], 0, 0)
                job_id = await _approved(client, second)
                await _until(lambda: 0 < _items(home, job_id)["delivered"] < FILES)
                _kill(second)
                dead.set()
            with start_hub(home, **engine) as third:
                await _until(lambda: _jobs(home) == [(job_id, "done")])
                assert _items(home, job_id) == {"delivered": FILES}
                assert _notes(project) == FILES
                again = text_of(await client.call_tool("batch_offload", BATCH))
                assert _job(again) != job_id, "what was approved for always is not asked again"
                assert _waiting(third) == []


async def test_an_answer_to_a_dead_hub_is_requested_again(
    tmp_path: Path, project: Path, ollama_standin: OllamaStandIn
) -> None:
    """From protocol 2026-07-28 on, the call ends while its client asks, and returns with the answer."""
    ollama_standin.answers.default = Answer(NOTES)
    home, engine = tmp_path / "home", {"TOKEN_SAVER_BACKEND__URL": ollama_standin.url}
    asked: list[str] = []
    with ExitStack() as hubs:
        hub = hubs.enter_context(start_hub(home, **engine))

        async def yes(_context: object, params: Any) -> ElicitResult:
            asked.append(params.message)
            assert (_jobs(home), _chats(ollama_standin)) == ([], 0)
            if len(asked) == 1:
                _kill(hub)
                hubs.enter_context(start_hub(home, **engine))
            return ElicitResult(action="accept", content={"answer": "once"})

        async with bridge_client(hub.environ, project, "2026-07-28", answer=yes) as client:
            job_id = _job(text_of(await client.call_tool("batch_offload", BATCH)))
            await _until(lambda: _jobs(home) == [(job_id, "done")])
    assert len(asked) == 2


async def _approved(client: Client, hub: HubProcess) -> str:
    """Submit the batch, approve it permanently, and return the job's id."""
    call = asyncio.create_task(client.call_tool("batch_offload", BATCH))
    await _until(lambda: len(_waiting(hub)) == 1)
    (waits,) = _waiting(hub)
    assert waits["files"] == FILES
    _ask(hub, "POST", {"id": waits["id"], "answer": "project"})
    return _job(text_of(await call))


def _job(text: str) -> str:
    found = re.search(r"Job (j\w+)", text)
    assert found is not None, text
    return found[1]


def _kill(hub: HubProcess) -> None:
    hub.process.kill()
    hub.process.wait()


def _waiting(hub: HubProcess) -> list[dict[str, Any]]:
    return list(_ask(hub, "GET")["waiting"])


def _ask(hub: HubProcess, method: str, body: dict[str, str] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {hub.token}"}
    answer = httpx.request(
        method, f"{hub.info.url}/api/approvals", json=body, headers=headers, trust_env=False, timeout=120
    )
    return answer.raise_for_status().json()


def _notes(project: Path) -> int:
    return len(list(project.glob("*.md")))


def _chats(ollama: OllamaStandIn) -> int:
    return sum(request.path == "/api/chat" for request in ollama.requests)


def _jobs(home: Path) -> list[tuple[str, str]]:
    return _rows(home, "SELECT id, state FROM job ORDER BY created_at")


def _items(home: Path, job_id: str) -> Counter[str]:
    return Counter(row[0] for row in _rows(home, "SELECT state FROM job_item WHERE job_id = ?", job_id))


def _rows(home: Path, query: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(home / "history.db", timeout=30)) as database:
        return database.execute(query, values).fetchall()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.02)
