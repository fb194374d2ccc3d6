"""Benchmark of the hub's overhead a call: ``uv run python -m tests.bench.overhead``.

1, 8 and 64 concurrent clients call ``offload_work`` over ``/mcp`` repeatedly, in front of a separate stand-in
engine with as many slots. The overhead is the client's time for a call minus the engine's time for the
answer, at the median; the limit is 10 ms for 1 and 8 clients. For comparison, it also prints the overhead of
a client that calls the engine directly, and the text's speed through the hub as a share of the direct one
(the limit is 0.97). A last run has one client and an answer of 150 lines, which is checked and written as a
new file.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.bench.support.engine_process import EngineProcess, start_engine
from tests.bridge_client import MODERN
from tests.hub_process import HubProcess, start_hub
from tests.standins.openai import MODEL

CLIENTS = (1, 8, 64)
SECONDS_AN_ANSWER = 1.0
ROUNDS = {1: 15, 8: 10, 64: 4}
"""Calls of each client; each client's first call does not count."""
QUESTION = {"task": "What is this for?", "files": ["value.py"], "output_format": "explanation"}
ANSWER = "The file holds one function that returns a number. " * 8
CHORE = {"task": "Write thirty functions that add to a number.", "files": ["value.py"], "output": "new.py"}
FUNCTION = 'def add_{n}(number: int) -> int:\n    """Return it plus {n}."""\n    return number + {n}\n\n\n'
FILE = "```python\n" + "".join(FUNCTION.format(n=n) for n in range(30)) + "```\n"
SOURCE = "def value():\n    return 1\n\n\n" * 20
RESULT = Path(__file__).parent / "results" / "overhead.json"


def main() -> None:
    """Measure, print, write."""
    print("| clients | a call for | added by the hub | asked straight | speed through the hub |")
    print("| ---: | --- | ---: | ---: | ---: |")
    rows = []
    for clients, work in (*((each, "text") for each in CLIENTS), (1, "a file")):
        row = _measure(clients, work)
        rows.append(row)
        print(
            f"| {clients} | {work} | {row['hub_added_ms']:.1f} ms | {row['straight_added_ms']:.1f} ms "
            f"| {row['speed']:.3f} |",
            flush=True,
        )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _measure(clients: int, work: str) -> dict[str, Any]:
    text, ask = (ANSWER, _ask_hub) if work == "text" else (FILE, _ask_hub_to_write)
    with tempfile.TemporaryDirectory() as name, start_engine(clients, SECONDS_AN_ANSWER, text) as engine:
        project, home = Path(name) / "project", Path(name) / "hub"
        project.mkdir()
        home.mkdir()
        (project / "value.py").write_text(SOURCE)
        (home / "policy.yaml").write_text('version: "1"\ndefault: allow\ntools: {}\n')
        straight = asyncio.run(_run(clients, engine.url, {}, _ask_engine))
        straight_engine = _engine_seconds(engine, 0)
        asked = len(engine.times())
        settings = {
            "TOKEN_SAVER_BACKEND__KIND": "openai",
            "TOKEN_SAVER_BACKEND__URL": engine.url,
            "TOKEN_SAVER_ROOTS": json.dumps([str(project)]),
        }
        with start_hub(home, **settings) as hub:
            _wait_for_pages(hub)
            through = asyncio.run(_run(clients, hub.info.url, _headers(hub), ask))
        through_engine = _engine_seconds(engine, asked)
    return {
        "clients": clients,
        "work": work,
        "calls": len(through),
        "hub_added_ms": 1000 * (statistics.median(through) - through_engine),
        "straight_added_ms": 1000 * (statistics.median(straight) - straight_engine),
        "speed": statistics.median(straight) / statistics.median(through),
    }


def _wait_for_pages(hub: HubProcess) -> None:
    """Wait until the pages have loaded, which occupies a core for some seconds after the first answer."""
    asked = httpx.get(
        f"{hub.info.url}/", headers={"Authorization": f"Bearer {hub.token}"}, timeout=60, trust_env=False
    )
    assert not asked.is_error, asked.status_code


def _engine_seconds(engine: EngineProcess, after: int) -> float:
    return statistics.median(ended - began for began, ended in engine.times()[after:])


async def _run(
    clients: int, url: str, headers: dict[str, str], ask: Callable[[httpx.AsyncClient], Awaitable[None]]
) -> list[float]:
    """Return the seconds of each call except the clients' first ones."""
    seconds: list[float] = []
    limits = httpx.Limits(max_connections=None)

    async def work(number: int) -> None:
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=120, trust_env=False, limits=limits
        ) as http:
            # Staggered, because simultaneous clients would wait for each other's start.
            await asyncio.sleep(SECONDS_AN_ANSWER * number / clients)
            for turn in range(ROUNDS[clients]):
                began = time.perf_counter()
                await ask(http)
                if turn:
                    seconds.append(time.perf_counter() - began)

    await asyncio.gather(*(work(number) for number in range(clients)))
    return seconds


async def _ask_engine(http: httpx.AsyncClient) -> None:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": SOURCE}],
        "stream": True,
        "max_tokens": 4096,
    }
    async with http.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.status_code == 200
        async for _ in response.aiter_lines():
            pass


async def _ask_hub(http: httpx.AsyncClient) -> None:
    answer = await _call(http, QUESTION)
    assert "returns a number" in answer, answer


async def _ask_hub_to_write(http: httpx.AsyncClient) -> None:
    answer = await _call(http, CHORE)
    assert '"outcome":"delivered"' in answer, answer


async def _call(http: httpx.AsyncClient, arguments: dict[str, Any]) -> str:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "offload_work", "arguments": arguments, "_meta": meta}
    answer = await http.post(
        "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    )
    assert '"isError":false' in answer.text, answer.text
    return answer.text


def _headers(hub: HubProcess) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {hub.token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "offload_work",
    }


if __name__ == "__main__":
    main()
