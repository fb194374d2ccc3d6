"""Benchmark of a batch of 10,000 items: the hub's memory, and its pages meanwhile.

``uv run python -m tests.bench.large.many_items [ITEMS]`` runs one batch in front of a stand-in engine that
answers
immediately, while one tab of a real browser visits page after page and stays on each for some seconds. Prints
the growth of the hub's memory from before the call to its peak (the limit is 100 MB), the time until a page's
list was visible (median and maximum for each page, milliseconds), and items a second.
"""

import asyncio
import itertools
import json
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

from tests.bench.dashboard import opened
from tests.bench.support.engine_process import start_engine
from tests.dashboard.support.browser import launch
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of

ITEMS = 10_000
NOTES = "# Notes\n\nThis file holds one function that returns a number.\n"
BETWEEN_LOOKS = 5.0
SHOWN = {"/batch/ID": "ul.rows > li", "/batches": "section.job", "/": "h1", "/history": "h1"}
"""Pages, and an element that exists once their list is visible."""
RESULT = Path(__file__).parent / "results" / "many_items.json"


def main() -> None:
    """Measure, print, write."""
    items = int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS
    with tempfile.TemporaryDirectory() as folder:
        result = _measure(Path(folder), items)
    print(json.dumps(result))
    if items == ITEMS:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _measure(folder: Path, items: int) -> dict[str, Any]:
    project, home = folder / "project", folder / "home"
    home.mkdir()
    (home / "policy.yaml").write_text('version: "1"\ndefault: allow\ntools: {}\n')
    for number in range(items):
        path = project / f"part_{number // 100:03}" / f"mod_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"def value_{number}():\n    return {number}\n")
    with start_engine(4, 0.0, NOTES) as engine:
        settings = {
            "TOKEN_SAVER_BACKEND__KIND": "openai",
            "TOKEN_SAVER_BACKEND__URL": engine.url,
            "TOKEN_SAVER_BATCH__MAX_ITEMS": str(items),
            "TOKEN_SAVER_ROOTS": json.dumps([str(project)]),
        }
        with start_hub(home, **settings) as hub:
            process = psutil.Process(hub.process.pid)
            with sync_playwright() as playwright, launch(playwright) as browser, opened(browser, hub) as tab:
                for page in ("/", "/batches", "/history"):
                    tab.goto(hub.info.url + page)  # loading modules on first use does not count as growth
                    tab.wait_for_selector("h1")
                before = process.memory_info().rss
                began = time.monotonic()
                job_id = _submit_aside(hub)
                peak, pages = _watch(home, job_id, process, hub, tab)
                seconds = time.monotonic() - began
    return {
        "items": items,
        "hub_mb_before": round(before / 1e6, 1),
        "hub_mb_peak": round(peak / 1e6, 1),
        "grew_mb": round((peak - before) / 1e6, 1),
        "items_a_second": round(items / seconds, 1),
        "pages_ms": {
            page: [round(statistics.median(times) * 1000), round(max(times) * 1000)]
            for page, times in pages.items()
        },
    }


def _watch(
    home: Path, job_id: str, process: psutil.Process, hub: HubProcess, tab: Page
) -> tuple[int, dict[str, list[float]]]:
    """Return the peak memory in bytes, and the seconds until each page was visible, measured until the batch
    has ended."""
    peak = 0
    shown = {page.replace("ID", job_id): selector for page, selector in SHOWN.items()}
    pages: dict[str, list[float]] = {page: [] for page in shown}
    turns = itertools.cycle(shown.items())
    looked = 0.0
    while _state(home, job_id) == "running":
        peak = max(peak, process.memory_info().rss)
        if time.monotonic() - looked > BETWEEN_LOOKS:
            page, selector = next(turns)
            began = time.monotonic()
            tab.goto(hub.info.url + page)
            tab.wait_for_selector(selector)
            looked = time.monotonic()
            pages[page].append(looked - began)
        time.sleep(0.2)
    assert _state(home, job_id) == "done"
    return peak, {page.replace(job_id, "ID"): times for page, times in pages.items() if times}


def _submit_aside(hub: HubProcess) -> str:
    """Submit the batch from another thread, because the browser's loop uses this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_submit(hub))).result()


async def _submit(hub: HubProcess) -> str:
    arguments = {
        "task": "Write notes on this file.",
        "each": ["**/*.py"],
        "output": "{dir}/{stem}.md",
        "wait": False,
    }
    async with http_client(hub, "2026-07-28") as client:
        text = text_of(await client.call_tool("batch_offload", arguments))
    found = re.search(r"Job (j\w+)", text)
    assert found is not None, text
    return found[1]


def _state(home: Path, job_id: str) -> str:
    with sqlite3.connect(home / "history.db", timeout=30) as database:
        return str(database.execute("SELECT state FROM job WHERE id = ?", (job_id,)).fetchone()[0])


if __name__ == "__main__":
    main()
