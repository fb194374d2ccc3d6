"""Benchmark of `compress_context` on real outputs: ``uv run python -m tests.bench.compress``.

A hub without an engine gets every sample of ``tests/digests/samples`` as a file, over HTTP. Counted are
the facts of the sample's sheet in the reply of at most 2,000 characters, beside ``tail -60``, ``grep`` and
the fold of version 0.1.0, cut to the same length; ``!`` marks a false statement. A real server log, repeated
up to 20 MB (or ``--megabytes N``), then shows time and memory. Fails where the reply keeps less than 90 % of
the facts of an output, states something false, or is behind another way, or if the hub exceeds 300 MB. Linux
only.
"""

import argparse
import asyncio
import re
import shlex
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.digests import WAYS
from tests.digests import sheets
from tests.digests.sheets import LIMIT, Sample
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of

NO_ENGINE = "http://127.0.0.1:9"
LARGE = "server-json"
MOST_MEMORY = 300_000_000
_HANDLE = re.compile(r"\nfull text: digest kept:[0-9a-f]+, [\d,]+ lines?$")


def main() -> None:
    """Measure, print, and fail if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--megabytes", type=int, default=20, help="size of the large log")
    size = parser.parse_args().megabytes * 1_000_000
    samples = [sheets.load(name) for name in sheets.names()]
    with tempfile.TemporaryDirectory() as name:
        project = Path(name, "project")
        project.mkdir()
        settings = {
            "TOKEN_SAVER_ROOTS": f'["{project}"]',
            "TOKEN_SAVER_BACKEND__URL": NO_ENGINE,
            "TOKEN_SAVER_OFFLOAD__ALLOW_LOSING": "true",
        }
        with start_hub(Path(name, "home"), **settings) as hub:
            misses = asyncio.run(_outputs(hub, project, samples))
            misses += asyncio.run(_large(hub, project, sheets.load(LARGE), size))
    for miss in misses:
        print(f"missed: {miss}")
    sys.exit(1 if misses else 0)


async def _outputs(hub: HubProcess, project: Path, samples: list[Sample]) -> list[str]:
    """Print one row a sample; return what missed its bar."""
    print("| " + " | ".join(["output", "facts", "compress_context", "ms", *WAYS]) + " |")
    print("|" + " --- |" * (4 + len(WAYS)))
    misses: list[str] = []
    sums = [0] * (2 + len(WAYS))
    for sample in samples:
        file = _file_of(sample)
        (project / file).write_bytes(sample.data)
        text, seconds = await _compress(hub, file)
        total, kept = len(sample.sheet["facts"]), _kept(text, sample)
        others = [_kept(make(sample), sample) for make in WAYS.values()]
        false = sheets.false(text, sample.sheet)
        cells = [f"{kept}{'!' if false else ''}", f"{seconds * 1000:.0f}", *map(str, others)]
        print("| " + " | ".join([sample.name, str(total), *cells]) + " |")
        sums = [one + more for one, more in zip(sums, [total, kept, *others], strict=True)]
        for what, missed in (
            ("less than 90 % of the facts", kept < 0.9 * total),
            (f"false: {false}", bool(false)),
            ("behind another way", kept < max(others) or (kept == max(others) and kept < total)),
            ("more than the length asked for", len(text) > LIMIT),
            ("no handle", _HANDLE.search(text) is None and len(sample.data) > LIMIT),
        ):
            if missed:
                misses.append(f"{sample.name}: {what}")
    shares = [f"{count / sums[0]:.0%}" for count in sums[1:]]
    print("| " + " | ".join(["all", str(sums[0]), shares[0], "", *shares[1:]]) + " |")
    return misses


async def _large(hub: HubProcess, project: Path, sample: Sample, size: int) -> list[str]:
    """Print time and memory for a log of ``size`` bytes; return what missed its bar."""
    (project / "large.log").write_bytes(sample.data * (size // len(sample.data)))
    before = _memory(hub, "VmRSS")
    text, seconds = await _compress(hub, "large.log")
    peak = _memory(hub, "VmHWM")
    kept = _kept(text, sample)
    print(
        f"\n{LARGE} repeated up to {size / 1e6:.0f} MB: {seconds:.0f} s, {kept} of "
        f"{len(sample.sheet['facts'])} facts; hub {before / 1e6:.0f} MB before, at most {peak / 1e6:.0f} MB"
    )
    return [f"the hub used {peak / 1e6:.0f} MB"] if peak >= MOST_MEMORY else []


async def _compress(hub: HubProcess, file: str) -> tuple[str, float]:
    async with http_client(hub, "legacy") as client:
        began = time.monotonic()
        result = await client.call_tool("compress_context", {"files": [file], "max_length": LIMIT})
        return text_of(result), time.monotonic() - began


def _file_of(sample: Sample) -> str:
    """Return the name of the file that the sample's command printed, else one of a log."""
    last = shlex.split(sample.sheet["command"])[-1]
    printed = sample.sheet["command"].startswith("cat ")
    return f"{sample.name}{Path(last).suffix}" if printed else f"{sample.name}.log"


def _kept(text: str, sample: Sample) -> int:
    return len(sample.sheet["facts"]) - len(sheets.missing(text, sample.sheet))


def _memory(hub: HubProcess, field: str) -> int:
    """Return a figure of the hub's ``/proc/PID/status``, in bytes."""
    status = Path(f"/proc/{hub.process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith(field + ":")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
