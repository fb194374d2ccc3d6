"""Benchmark of similar servers next to this one: ``uv run python -m tests.bench.peers``.

Each of ``PEERS`` is installed from its registry into a separate environment in a temporary folder and runs
with only ``PATH`` and a home there; about two minutes in total with warm caches. Measured are the time from
its start to an answered ``tools/list`` (the median of ``--runs``), the number of tools, the characters of
their definitions (name, description and input schema as compact JSON, as Claude reads them) and of the
instructions, and the estimated tokens of both. This server uses a running hub, as in daily use. Servers that
cannot be installed or started are listed with the reason.
"""

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from server.ledger.tokens import NEWEST, estimate_definitions
from tests.bridge_client import RawClient
from tests.hub_process import start_hub

INSTALL_SECONDS = 300
FAILURES = (OSError, RuntimeError, ValueError, KeyError, queue.Empty, subprocess.SubprocessError)
"""Errors of servers that cannot be installed, started, called or stopped."""
RESULT = Path(__file__).parent / "results" / "peers.json"


@dataclass(frozen=True)
class Peer:
    """A server: its registry, the package's name there, its command in the environment, and additional
    requirements (bounds that are missing from the package)."""

    registry: Literal["pypi", "npm"]
    package: str
    command: tuple[str, ...]
    also: tuple[str, ...] = ()


PEERS = (
    Peer("pypi", "local-coding-agent", ("local-coding-agent", "serve-mcp")),
    Peer("pypi", "mcp-ollama", ("mcp-ollama",), ("mcp<2",)),
    Peer("pypi", "mcp-ollama-vllm", ("mcp-ollama-vllm",)),
    Peer("pypi", "ollama-handoff", ("ollama-handoff",)),
    Peer("npm", "ollama-mcp", ("ollama-mcp",)),
    Peer("npm", "@houtini/lm", ("houtini-lm",)),
)


def main() -> None:
    """Install, measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    rows = [_own(runs), *(_peer(peer, runs) for peer in PEERS)]
    print("| server | tools | characters | ~ tokens | instructions | start to tools/list |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        if "reason" not in row:
            print(
                f"| {row['server']} | {row['tools']} | {row['characters']:,} | {row['tokens']:,} "
                f"| {row['instructions']:,} | {row['median_ms']:,.0f} ms |"
            )
    for row in rows:
        if "reason" in row:
            print(f"\n{row['server']}: not measured: {row['reason']}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _own(runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, start_hub(Path(name) / "home") as hub:
        bridge = str(Path(sys.executable).with_name("token-saver-mcp"))
        return {"server": "token-saver", **_measure((bridge,), hub.environ, Path(name), runs)}


def _peer(peer: Peer, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        home.mkdir()
        try:
            programs = _install(peer, Path(name) / "environment")
            environ = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(home)}
            command = (str(programs / peer.command[0]), *peer.command[1:])
            return {"server": peer.package, **_measure(command, environ, home, runs)}
        except (
            OSError,
            RuntimeError,
            ValueError,
            KeyError,
            queue.Empty,
            subprocess.SubprocessError,
        ) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            return {"server": peer.package, "reason": reason}


def _install(peer: Peer, environment: Path) -> Path:
    """Install the package; return the folder of its programs."""
    environment.mkdir()
    if peer.registry == "pypi":
        _run("uv", "venv", "--quiet", "--python", sys.executable, environment / "venv")
        _run("uv", "pip", "install", "--quiet", "--python", environment / "venv", peer.package, *peer.also)
        return environment / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    _run("npm", "install", "--silent", "--ignore-scripts", "--prefix", environment, peer.package, *peer.also)
    return environment / "node_modules" / ".bin"


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip() or f"{command[0]} failed")


def _measure(command: tuple[str, ...], environ: dict[str, str], folder: Path, runs: int) -> dict[str, Any]:
    times: list[float] = []
    listed: dict[str, Any] = {}
    opened: dict[str, Any] = {}
    for _ in range(runs):
        began = time.perf_counter()
        with RawClient(environ, folder, command, quiet=True) as client:
            try:
                opened = client.initialize()["result"]
                listed = client.request("tools/list")["result"]
                times.append(1000 * (time.perf_counter() - began))
            finally:
                client.process.terminate()  # some servers do not end with their input
    definitions = [
        {
            "name": each["name"],
            "description": each.get("description", ""),
            "input_schema": each["inputSchema"],
        }
        for each in listed["tools"]
    ]
    instructions = opened.get("instructions") or ""
    return {
        "tools": len(definitions),
        "characters": sum(len(json.dumps(each, separators=(",", ":"))) for each in definitions),
        "tokens": estimate_definitions(definitions, instructions, NEWEST),
        "instructions": len(instructions),
        "median_ms": round(statistics.median(times), 1),
        "runs_ms": [round(each, 1) for each in times],
    }


if __name__ == "__main__":
    main()
