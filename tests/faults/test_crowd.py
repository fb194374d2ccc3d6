"""Test of many simultaneous calls: the hub runs what its queue holds and refuses the rest.

``TOKEN_SAVER_TEST_CROWD=1000`` runs the long form.
"""

import asyncio
import json
import os
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.bridge_client import MODERN
from tests.hub_process import HubProcess, start_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.standins.serving import eventually

CALLS = int(os.environ.get("TOKEN_SAVER_TEST_CROWD", "150"))
SECONDS = max(240, CALLS)
"""Time limit of a call (seconds)."""
QUEUE = 100

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(SECONDS + 60)]

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "crowd", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


async def test_many_calls_at_once(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    home.mkdir()
    (home / "policy.yaml").write_text('version: "1"\ndefault: allow\ntools: {}\n')
    with OllamaStandIn(slots=4) as engine:
        engine.answers.default = Answer("It adds numbers.", first_delay=0.02)
        settings = {
            "TOKEN_SAVER_BACKEND__URL": engine.url,
            "TOKEN_SAVER_ROOTS": json.dumps([str(project)]),
            "TOKEN_SAVER_OFFLOAD__QUEUE_LIMIT": str(QUEUE),
        }
        with start_hub(home, **settings) as hub:
            said = await _ask(hub)
            # The last answer may arrive before the hub's status is updated.
            await eventually(lambda: hub.get("/api/status")["running"] == [])
    outcomes = Counter("done" if "It adds numbers." in each else each.partition(":")[0] for each in said)
    odd = [each for each in said if "It adds numbers." not in each and not each.startswith("queue_full:")]
    assert odd == []
    assert outcomes["done"] >= QUEUE
    assert len(engine.bodies("/api/chat")) == outcomes["done"]
    assert outcomes.total() == CALLS


async def _ask(hub: HubProcess) -> list[str]:
    headers = {
        "Authorization": f"Bearer {hub.token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "offload_work",
    }
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=hub.info.url, headers=headers, timeout=SECONDS, trust_env=False, limits=limits
    ) as http:

        async def ask(number: int) -> str:
            arguments = {"task": f"What does part {number} do?", "output_format": "explanation"}
            params = {"name": "offload_work", "arguments": arguments, "_meta": META}
            body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            answer = await http.post("/mcp", json=body)
            assert answer.status_code == 200, answer.text
            text = answer.text.partition("data: ")[2] or answer.text
            return str(json.loads(text)["result"]["content"][0]["text"])

        return await asyncio.gather(*(ask(number) for number in range(CALLS)))
