"""Benchmark of start times: ``uv run python -m tests.bench.start [--runs N]``, about 40 s on two cores.

Medians; each run has its own home:

- *tools*: start ``token-saver-mcp``, ``initialize``, ``tools/list``, with a running hub. The limit is 60 ms;
  most of it is the start of Python, which is printed for comparison.
- *first tool*: the same without a running hub, until a tool has answered.
- *hub*: ``token-saver serve``, from its start to its first answered request. The limit is 1.5 s.
- *icon*: ``token-saver`` in a session with a panel, until its icon is visible; needs ``dbus-daemon``.

Writes ``tests/bench/results/start.json``.
"""

import argparse
import asyncio
import json
import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from server.bridge.discovery import read_hub_file
from tests.bridge_client import RawClient
from tests.hub_process import hub_environ, start_hub
from tests.tray.app import running_app
from tests.tray.panel import Panel, session_bus

BRIDGE = [str(Path(sys.executable).with_name("token-saver-mcp"))]
NO_ENGINE = "http://127.0.0.1:9"
RESULT = Path(__file__).parent / "results" / "start.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    result = {
        "tools_ms": _with_hub(runs),
        "bare_python_ms": _each(runs, bare_python),
        "first_tool_ms": _each(max(3, runs // 2), first_tool),
        "hub_ms": _each(max(3, runs // 2), hub_start),
    }
    if shutil.which("dbus-daemon"):
        result["icon_ms"] = _each(max(3, runs // 2), icon)
    medians = {name: round(statistics.median(each), 1) for name, each in result.items()}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"median": medians, "runs": result}, indent=2) + "\n", encoding="utf-8")
    print("| from | to | median | bar |\n| --- | --- | ---: | ---: |")
    for name, (begin, end, bar) in WORDS.items():
        if name in medians:
            print(f"| {begin} | {end} | {medians[name]:,.0f} ms | {bar} |")


WORDS = {
    "tools_ms": ("`token-saver-mcp`, hub up", "`tools/list` answered", "60 ms"),
    "bare_python_ms": ("Python", "its end, doing nothing", ""),
    "first_tool_ms": ("`token-saver-mcp`, no hub", "first tool answered", ""),
    "hub_ms": ("`token-saver serve`", "first request answered", "1,500 ms"),
    "icon_ms": ("`token-saver`", "icon in the panel", ""),
}


def tools_list(environ: dict[str, str], folder: Path) -> float:
    """Return the milliseconds until a spawned bridge has listed the tools."""
    began = time.perf_counter()
    with RawClient(environ, folder, BRIDGE) as client:
        client.initialize()
        tools: list[dict[str, Any]] = client.request("tools/list")["result"]["tools"]
        elapsed = _since(began)
    assert any(tool["name"] == "offload_work" for tool in tools)
    return elapsed


def bare_python(_: Path) -> float:
    """Return the milliseconds of an interpreter that does nothing, the minimum for a Python bridge."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return _since(began)


def first_tool(folder: Path) -> float:
    """Return the milliseconds until a tool has answered through a bridge that had to start the hub."""
    home = folder / "home"
    home.mkdir()
    began = time.perf_counter()
    try:
        with RawClient(hub_environ(home), folder, BRIDGE) as client:
            client.initialize()
            answer = client.request("tools/call", {"name": "get_metrics", "arguments": {}})
            elapsed = _since(began)
        assert not answer["result"].get("isError"), answer
    finally:
        info = read_hub_file(str(home))
        if info is not None:
            hub = psutil.Process(info.pid)
            hub.terminate()
            hub.wait(30)
    return elapsed


def hub_start(folder: Path) -> float:
    """Return the milliseconds until a spawned hub has answered a request."""
    began = time.perf_counter()
    with start_hub(folder / "home") as hub, urllib.request.urlopen(f"{hub.info.url}/healthz", timeout=30):
        return _since(began)


def icon(folder: Path) -> float:
    """Return the milliseconds until a session's panel shows the app's icon."""

    # The app ends before the panel has answered, and each late answer would be reported.
    logging.getLogger().setLevel(logging.CRITICAL + 1)

    async def run() -> float:
        with session_bus(folder / "session") as session:
            async with Panel(session.address) as panel:
                began = time.perf_counter()
                with running_app(folder / "home", session, NO_ENGINE):
                    await asyncio.wait_for(panel.watcher.items.get(), 60)
                    return _since(began)

    return asyncio.run(run())


def _with_hub(runs: int) -> list[float]:
    with tempfile.TemporaryDirectory() as name, start_hub(Path(name) / "home") as hub:
        tools_list(hub.environ, Path(name))
        return [tools_list(hub.environ, Path(name)) for _ in range(runs)]


def _each(runs: int, measure: Callable[[Path], float]) -> list[float]:
    measured = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as name:
            measured.append(measure(Path(name)))
    return measured


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)


if __name__ == "__main__":
    main()
