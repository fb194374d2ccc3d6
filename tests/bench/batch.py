"""Benchmark of batches against the engine's own speed: ``uv run python -m tests.bench.batch``.

For stand-in engines with 1, 4 and 16 slots, in one run each: the same tasks sent directly to the engine, with
one concurrent request a slot, and through the hub as one batch. Prints the hub's share of the direct speed
(the limit is 95 %) and the median overhead a task (the limit is 10 ms): how much longer a slot of the engine
is idle between two tasks. ``own_ms`` is all of the hub's work for a task (reading, building the prompt,
checking, writing, recording), mostly while other tasks generate. Engine and hub are separate processes; run
it on an idle machine.
"""

import asyncio
import json
import re
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.bench.support.engine_process import EngineProcess, start_engine
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of
from tests.standins.openai import MODEL

SLOTS = (1, 4, 16)
SECONDS_AN_ANSWER = 1.0
TASKS_A_SLOT = 15
NOTES = "# Notes\n\n" + "This file holds one function that returns a number. " * 8
SOURCE = "def value_{n}():\n    return {n}\n\n\n" * 5
RESULT = Path(__file__).parent / "results" / "batch.json"


def main() -> None:
    """Measure, print, write."""
    results = []
    for slots in SLOTS:
        results.append(_measure(slots))
        print(json.dumps(results[-1]), flush=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _measure(slots: int) -> dict[str, Any]:
    count = slots * TASKS_A_SLOT
    with tempfile.TemporaryDirectory() as folder, start_engine(slots, SECONDS_AN_ANSWER, NOTES) as engine:
        straight = asyncio.run(_straight(engine, slots, count))
        alone = engine.times()
        project, home = Path(folder) / "project", Path(folder) / "home"
        project.mkdir()
        home.mkdir()
        (home / "policy.yaml").write_text(
            'version: "1"\ndefault: allow\ntools: {}\n'
        )  # no user is present to approve
        for number in range(count):
            (project / f"mod_{number}.py").write_text(SOURCE.replace("{n}", str(number)))
        settings = {
            "TOKEN_SAVER_BACKEND__KIND": "openai",
            "TOKEN_SAVER_BACKEND__URL": engine.url,
            "TOKEN_SAVER_ROOTS": json.dumps([str(project)]),
        }
        with start_hub(home, **settings) as hub:
            job_id = asyncio.run(_submit(hub))
            _wait(home, job_id)
        through = _seconds_of(home, job_id)
        in_hub = _seconds_in_hub(home)
        behind_hub = engine.times()[count:]
    return {
        "slots": slots,
        "tasks": count,
        "straight_s": round(straight, 2),
        "through_hub_s": round(through, 2),
        "share": round(straight / through, 4),
        "added_ms": round(1000 * (_idle(behind_hub) - _idle(alone)), 1),
        "own_ms": round(1000 * (statistics.median(in_hub) - _long(behind_hub)), 1),
    }


def _idle(times: list[tuple[float, float]]) -> float:
    """Return the median time from the end of an answer to the start of the next one in its slot, seconds."""
    begins = sorted(began for began, _ in times)
    gaps = []
    for ended in sorted(ended for _, ended in times):
        begins = [began for began in begins if began >= ended] if begins else []
        if begins:
            gaps.append(begins.pop(0) - ended)
    return statistics.median(gaps)


def _long(times: list[tuple[float, float]]) -> float:
    return statistics.median(ended - began for began, ended in times)


async def _straight(engine: EngineProcess, slots: int, count: int) -> float:
    """Return the seconds that the tasks take directly with the engine, ``slots`` at once."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": SOURCE}],
        "stream": True,
        "max_tokens": 4096,
    }
    todo = iter(range(count))
    async with httpx.AsyncClient(base_url=engine.url, timeout=60, trust_env=False) as http:

        async def work() -> None:
            for _ in todo:
                async with http.stream("POST", "/v1/chat/completions", json=body) as response:
                    async for _line in response.aiter_lines():
                        pass

        began = time.monotonic()
        await asyncio.gather(*(work() for _ in range(slots)))
        return time.monotonic() - began


async def _submit(hub: HubProcess) -> str:
    arguments = {"task": "Write notes on this file.", "each": ["*.py"], "output": "{dir}/{stem}.md"}
    async with http_client(hub, "2026-07-28") as client:
        text = text_of(await client.call_tool("batch_offload", {**arguments, "wait": False}))
    found = re.search(r"Job (j\w+)", text)
    assert found is not None, text
    return found[1]


def _wait(home: Path, job_id: str) -> None:
    while (state := _one(home, "SELECT state FROM job WHERE id = ?", job_id)) == "running":
        time.sleep(0.5)
    assert state == "done", state


def _seconds_of(home: Path, job_id: str) -> float:
    return float(_one(home, "SELECT ended_at - created_at FROM job WHERE id = ?", job_id))


def _seconds_in_hub(home: Path) -> list[float]:
    """Return the seconds of each task without waiting for a slot."""
    with sqlite3.connect(home / "history.db") as database:
        rows = database.execute("SELECT timings FROM offload_text").fetchall()
    timings = [json.loads(row[0]) for row in rows]
    return [each["total"] - each["queue"] for each in timings]


def _one(home: Path, query: str, value: str) -> Any:
    with sqlite3.connect(home / "history.db") as database:
        return database.execute(query, (value,)).fetchone()[0]


if __name__ == "__main__":
    main()
