"""How long a client waits for its tools: spawn ``token-saver-mcp``, ``initialize``, ``tools/list``.

``python tests/bench/start.py`` needs a hub that runs (``token-saver serve``); prints the median of ten and
writes ``tests/bench/results/start.json``. The bar is 150 ms; most of the time is Python itself starting.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RUNS = 10
BRIDGE = [str(Path(sys.executable).with_name("token-saver-mcp"))]
RESULT = Path(__file__).parent / "results" / "start.json"

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


def main() -> None:
    """Measure, print, write."""
    runs = [measure() for _ in range(RUNS)]
    bare = [measure_bare_python() for _ in range(RUNS)]
    result = {
        "runs_ms": runs,
        "median_ms": round(statistics.median(runs), 1),
        "bare_python_median_ms": round(statistics.median(bare), 1),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2), encoding="utf-8")
    print(f"token-saver-mcp, spawn to tools/list: median of {RUNS} is {result['median_ms']} ms")
    print(f"(of which Python starting and doing nothing: {result['bare_python_median_ms']} ms)")


def measure() -> float:
    """Return the milliseconds of one start."""
    started = time.perf_counter()
    with subprocess.Popen(BRIDGE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        ask(process, {"id": 1, "method": "initialize", "params": INITIALIZE})
        process.stdin.write(line({"method": "notifications/initialized"}))
        tools = ask(process, {"id": 2, "method": "tools/list"})["result"]["tools"]
        elapsed = (time.perf_counter() - started) * 1000
        assert any(tool["name"] == "offload_work" for tool in tools)
        process.stdin.close()
        process.wait(5)
    return round(elapsed, 1)


def measure_bare_python() -> float:
    """Return the milliseconds of an interpreter that does nothing: the floor for any Python bridge."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return round((time.perf_counter() - started) * 1000, 1)


def ask(process: "subprocess.Popen[bytes]", message: dict[str, Any]) -> dict[str, Any]:
    """Send one request and return its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line(message))
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def line(message: dict[str, Any]) -> bytes:
    """Return the message as one line of JSON-RPC."""
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"


if __name__ == "__main__":
    main()
