"""Benchmark of ``compress_context``: a log of 20 MB on a context of 4,096 tokens.

    uv run python -m tests.bench.compress [--model qwen2.5-coder-0.5b] [--varied]

Starts its own hub and calls it over HTTP as a client would. The engine is a stand-in without knowledge that
answers immediately, or, with ``--model``, the embedded one. With ``--varied`` no two lines of the log are
similar, the worst case of folding. Prints the peak of the hub's memory (``VmHWM`` since its start, without
the engine's process). Fails if the error is not quoted with its line number, or the peak is 300 MB or more.
Linux only.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engine_models import put_model
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel

BYTES = 20_000_000
MOST_MEMORY = 300_000_000
NUM_CTX = 4096
PLANTED_AT = 0.77
"""Position of the error in the log."""
CAUSE = "worker 2 failed: disk quota exceeded on /var/data (job 90210)"
PLANTED = f"2026-03-04 13:00:01 ERROR {CAUSE}"
WORDS = (
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet",
    "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo",
    "sierra", "tango", "uniform", "victor", "whiskey", "yankee",
)  # fmt: skip


def main() -> None:
    """Measure, print, and fail if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--model", help="a model of the embedded engine; without it, a stand-in answers")
    parser.add_argument("--varied", action="store_true", help="a log in which no two lines are of a kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        project = Path(name, "project")
        project.mkdir()
        number = _write_log(project / "big.log", varied=options.varied)
        with _hub(Path(name, "home"), project, options.model) as hub:
            before = _memory(hub, "VmRSS")
            began = time.monotonic()
            digest = asyncio.run(_compress(hub))
            seconds = time.monotonic() - began
            peak = _memory(hub, "VmHWM")
    found = any(line.startswith(f"L{number}: ") and CAUSE in line for line in digest.splitlines())
    print(digest)
    print(
        f"\n{'varied' if options.varied else 'usual'} log of {BYTES / 1e6:.0f} MB, "
        f"{options.model or 'stand-in'}, context {NUM_CTX}: {seconds:.0f} s; planted error "
        f"{'quoted with its line number' if found else 'MISSED'}; "
        f"hub {before / 1e6:.0f} MB before, at most {peak / 1e6:.0f} MB"
    )
    sys.exit(0 if found and peak < MOST_MEMORY else 1)


@contextmanager
def _hub(home: Path, project: Path, model: str | None) -> Iterator[HubProcess]:
    settings = {"TOKEN_SAVER_ROOTS": f'["{project}"]', "TOKEN_SAVER_BACKEND__NUM_CTX": str(NUM_CTX)}
    if model:
        put_model(home, model)
        engine = {"TOKEN_SAVER_BACKEND__KIND": "embedded", "TOKEN_SAVER_EMBEDDED__MODEL": model}
        with start_hub(home, TOKEN_SAVER_BACKEND__URL="", **settings, **engine) as hub:
            yield hub
        return
    with OllamaStandIn() as ollama:
        ollama.models[CODER] = StandInModel(context_length=NUM_CTX)
        ollama.answers.default = Answer("- Nothing of note.")
        with start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, **settings) as hub:
            yield hub


async def _compress(hub: HubProcess) -> str:
    async with http_client(hub, "legacy") as client:
        result = await client.call_tool("compress_context", {"files": ["big.log"], "max_length": 2000})
        return text_of(result)


def _write_log(path: Path, *, varied: bool) -> int:
    """Write the log and return the number of the line with the error."""
    dice = random.Random(7)
    written = number = 0
    planted = 0
    with path.open("w", encoding="utf-8") as file:
        while written < BYTES:
            number += 1
            if not planted and written > BYTES * PLANTED_AT:
                planted, line = number, PLANTED
            else:
                line = f"2026-03-04 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02} INFO "
                line += " ".join(dice.choices(WORDS, k=9)) if varied else _usual(dice, number)
            written += file.write(line + "\n")
    return planted


def _usual(dice: random.Random, number: int) -> str:
    return dice.choice(
        [
            f"worker {number % 8} finished job {1000 + number} in {dice.randint(1, 900)} ms",
            f"cache hit for key 0x{dice.getrandbits(32):08x}",
            f"GET /api/items/{dice.randint(1, 9999)} 200 {dice.randint(1, 90)}ms",
            f"user {dice.choice(WORDS)} logged in from 10.0.{number % 256}.{dice.randint(1, 254)}",
        ]
    )


def _memory(hub: HubProcess, field: str) -> int:
    """Return a figure of the hub's ``/proc/PID/status``, in bytes."""
    status = Path(f"/proc/{hub.process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith(field + ":")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
