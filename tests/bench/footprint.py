"""Benchmark of the hub's memory, CPU and disk: ``uv run python -m tests.bench.footprint [--offloads N]``.

A real hub in front of a stand-in engine: idle; with 50 clients connected through ``token-saver-mcp``; and
after N offloads (10,000 by default) over ``/mcp``. Memory is the resident set in MB; its growth counts after
the first tenth of the offloads, when caches are warm; the limit is 5 MB. CPU is a share of one core. Disk is
the size of the history after the offloads, scaled to a day of 200.
"""

import argparse
import asyncio
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.bridge_client import MODERN, RawClient
from tests.hub_process import HubProcess, start_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

IDLE_SECONDS = 20.0
CLIENTS = 50
AT_ONCE = 4
OFFLOADS_A_DAY = 200
MB = 1_000_000
RESULT = Path(__file__).parent / "results" / "footprint.json"
TEXT = "```python\n" + "def total(values: list[int]) -> int:\n    return sum(values)\n" * 8 + "```"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--offloads", type=int, default=10_000)
    offloads = parser.parse_args().offloads
    with tempfile.TemporaryDirectory() as name, OllamaStandIn(AT_ONCE) as engine:
        project = Path(name) / "project"
        project.mkdir()
        engine.answers.default = Answer(TEXT)
        settings = {"TOKEN_SAVER_BACKEND__URL": engine.url, "TOKEN_SAVER_ROOTS": json.dumps([str(project)])}
        home = Path(name) / "hub"
        home.mkdir()
        (home / "policy.yaml").write_text('version: "1"\ndefault: allow\ntools: {}\n')
        with start_hub(home, **settings) as hub:
            figures = _measure(hub, project, offloads)
    print(json.dumps(figures, indent=2))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _measure(hub: HubProcess, project: Path, offloads: int) -> dict[str, Any]:
    process = psutil.Process(hub.process.pid)
    time.sleep(5)
    idle_cpu, idle = _cpu(process), _memory(process)
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(RawClient(hub.environ, project))
            client.initialize()
            client.request("tools/list")
        clients_cpu, clients = _cpu(process), _memory(process)
        bridge = _memory(psutil.Process(client.process.pid))
    warm = max(offloads // 10, 1)
    asyncio.run(_offload(hub, warm))
    after_warm = _memory(process)
    sizes = [_history_size(hub.home)]
    points = []
    for _ in range(9):
        asyncio.run(_offload(hub, (offloads - warm) // 9))
        points.append(_memory(process))
    sizes.append(_history_size(hub.home))
    done = warm + (offloads - warm) // 9 * 9
    return {
        "idle_mb": idle,
        "idle_cpu_percent": idle_cpu,
        "clients": CLIENTS,
        "with_clients_mb": clients,
        "with_clients_cpu_percent": clients_cpu,
        "bridge_mb": bridge,
        "offloads": done,
        "after_first_tenth_mb": after_warm,
        "then_mb": points,
        "growth_mb": round(points[-1] - after_warm, 1),
        "history_mb": round(sizes[1] / MB, 1),
        "history_mb_a_day_of_200": round(sizes[1] / done * OFFLOADS_A_DAY / MB, 2),
    }


async def _offload(hub: HubProcess, count: int) -> None:
    headers = {
        "Authorization": f"Bearer {hub.token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "offload_work",
    }
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    todo = iter(range(count))
    async with httpx.AsyncClient(
        base_url=hub.info.url, headers=headers, timeout=120, trust_env=False
    ) as http:

        async def work() -> None:
            for number in todo:
                arguments = {"task": f"Write total number {number}.", "language": "python"}
                params = {"name": "offload_work", "arguments": arguments, "_meta": meta}
                body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
                answer = await http.post("/mcp", json=body)
                assert answer.status_code == 200, answer.text
                assert "def total" in answer.text, answer.text

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def _cpu(process: psutil.Process) -> float:
    """Return the share of one core over some seconds without requests to the hub, in percent."""
    process.cpu_percent()
    time.sleep(IDLE_SECONDS)
    return round(process.cpu_percent(), 2)


def _memory(process: psutil.Process) -> float:
    return round(process.memory_info().rss / MB, 1)


def _history_size(home: Path) -> int:
    return sum(path.stat().st_size for path in home.glob("history.db*"))


if __name__ == "__main__":
    main()
