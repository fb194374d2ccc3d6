"""Benchmark of the programs that Claude Code starts: ``uv run python -m tests.bench.hook [--rounds N]``.

Each is started N times (30 by default), in turn with the others: Python doing nothing, the digest hook with a
small result, with a large one that passes, with 60,000 characters that become a digest, without a hub, and
the status line. Printed are medians of wall time and of the process's CPU time, and the CPU time as a
multiple of Python doing nothing. The limits are 60 ms for the hook and 50 ms for the status line.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from server.clients.hooks import hook_entries
from server.clients.statusline import add_statusline
from tests.hub_process import start_hub

SAMPLE = Path(__file__).parents[1] / "digests" / "samples" / "pytest-verbose" / "output.txt.gz"
NOTHING = [sys.executable, "-I", "-S", "-c", "pass"]
RESULT = Path(__file__).parent / "results" / "hook.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        figures = _measure(Path(name), rounds)
    base = figures["python"]["cpu_ms"]
    for case, row in figures.items():
        print(f"{case:22} {row['wall_ms']:6.1f} ms {row['cpu_ms']:6.1f} ms CPU {row['cpu_ms'] / base:5.2f} x")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _measure(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    os.environ["TOKEN_SAVER_HOME"] = str(folder / "hub")
    hook, line = _hook(), json.loads(add_statusline("{}"))["statusLine"]["command"]
    os.environ["TOKEN_SAVER_HOME"] = str(folder / "none")
    hook_without_hub = _hook()
    log = gzip.decompress(SAMPLE.read_bytes()).decode()[-60_000:]
    prose = "".join(f"Word {number} of a story that no recogniser knows.\n" for number in range(1_200))
    took: dict[str, list[tuple[float, float]]] = {}
    with start_hub(folder / "hub"):
        for number in range(-3, rounds):  # the first ones load the hub's modules
            cases = {
                "python": (NOTHING, b""),
                "hook, small result": (hook, _event("ok", number)),
                "hook, passes": (hook, _event(prose, number)),
                "hook, digest": (hook, _event(log, number)),
                "hook, no hub": (hook_without_hub, _event(log, number)),
                "status line": (["/bin/sh", "-c", f"exec {line}"], b'{"session_id": "s"}'),
            }
            for case, (command, given) in cases.items():
                seconds, cpu, output = _run(command, given)
                assert case != "hook, digest" or number < 0 or output, "it was digested"
                if number >= 0:
                    took.setdefault(case, []).append((seconds, cpu))
    return {
        case: {
            "wall_ms": 1000 * statistics.median(seconds for seconds, _ in each),
            "cpu_ms": 1000 * statistics.median(cpu for _, cpu in each),
        }
        for case, each in took.items()
    }


def _hook() -> list[str]:
    command: dict[str, Any] = hook_entries("digest")[0][1]["hooks"][0]
    return [command["command"], *command["args"]]


def _event(text: str, number: int) -> bytes:
    event = {
        "tool_name": "Bash",
        "tool_input": {"command": f"pytest -v -k n{number}"},
        "tool_response": {"stdout": text, "stderr": "", "interrupted": False, "isImage": False},
        "cwd": tempfile.gettempdir(),
        "session_id": f"s{number}",
        "tool_use_id": "toolu_1",
        "transcript_path": f"{tempfile.gettempdir()}/session.jsonl",
    }
    return json.dumps(event).encode()


def _run(command: list[str], given: bytes) -> tuple[float, float, bytes]:
    """Return the wall time and the CPU time of a process in seconds, and its output."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(given)
    process.stdin.close()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, output


if __name__ == "__main__":
    main()
