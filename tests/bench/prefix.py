"""Benchmark of grouping items by shared file: ``uv run python -m tests.bench.prefix GGUF [MiB …]``.

Twenty questions about one file of about 2,000 tokens, in a batch with twelve questions about three other
files of that size, on the real embedded engine with a small model (``GGUF`` is its file) and one slot: in the
batch's order, and shuffled. Prints the engine's time for the twenty, for all items, and the ratio for the
twenty (the limit is 2), for each size of the engine's prompt cache (``[embedded] cache_mib``). While the
prompts of all files fit there, the engine finds them in any order, and the order has no effect. This holds
mostly for small
models: 512 MiB hold about 40,000 tokens of a 0.5B model (12 KiB a token) but 9,000 of a 7B (57 KiB), which is
four such files. The default runs are therefore without a cache, as with larger models and more files, and
with the default size, which holds everything for a small model. Seconds are the engine's own; its CPU time is
printed as well, which other work on the machine hardly changes. About ten minutes on two cores with 0.5B.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from server.batch.plan import Planned, by_shared_prefix
from server.config.folders import find_folders
from server.config.sections import BackendSettings, BatchSettings, EmbeddedSettings, OffloadSettings
from server.config.settings import Settings
from server.hub import Hub
from server.offload.values import Caller
from server.store.job_records import ItemRecord
from server.store.job_states import ENDED
from server.store.jobs import Jobs

ASKED = "orders.py"
QUESTIONS = {ASKED: 20, "users.py": 4, "stock.py": 4, "bills.py": 4}
FUNCTIONS = 60
USUAL_CACHES = (0, 512)
RESULT = Path(__file__).parent / "results" / "prefix.json"
FUNCTION = '''def {name}_{n}(value: int) -> int:
    """Return {name} number {n} for a value."""
    return value * {n} + {n}


'''


@dataclass(frozen=True)
class Took:
    """Seconds of one run: the engine's for the questions on one file and for all items, and its CPU time."""

    asked: float
    everything: float
    cpu: float
    tokens: int


def main() -> None:
    """Measure, print, write."""
    caches = [int(each) for each in sys.argv[2:]] or USUAL_CACHES
    rows = [asyncio.run(_measure(sys.argv[1], cache)) for cache in caches]
    RESULT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


async def _measure(gguf: str, cache_mib: int) -> dict[str, Any]:
    items: list[dict[str, Any]] = [
        {"task": f"What does function {n} return?", "files": [name], "output_format": "explanation"}
        for name, count in QUESTIONS.items()
        for n in range(count)
    ]
    random.Random(1).shuffle(items)
    in_order = await _run(gguf, cache_mib, by_shared_prefix(items))
    shuffled = await _run(gguf, cache_mib, tuple(items))
    row = {
        "model": Path(gguf).name,
        "cache_mib": cache_mib,
        "in_order": asdict(in_order),
        "shuffled": asdict(shuffled),
        "ratio": round(shuffled.asked / in_order.asked, 2),
        "ratio_everything": round(shuffled.everything / in_order.everything, 2),
        "ratio_cpu": round(shuffled.cpu / in_order.cpu, 2),
    }
    print(json.dumps(row), flush=True)
    return row


async def _run(gguf: str, cache_mib: int, items: tuple[dict[str, Any], ...]) -> Took:
    """Run the items in this order on a separate, warmed-up engine."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TOKEN_SAVER_HOME"] = str(Path(folder) / "home")
        project = Path(folder) / "project"
        project.mkdir()
        for name in QUESTIONS:
            text = "".join(FUNCTION.format(name=name[:-3], n=n) for n in range(FUNCTIONS))
            (project / name).write_text(text)
        (project / "warm.py").write_text("x = 1\n")
        hub = await Hub.start(
            Settings(
                backend=BackendSettings(kind="embedded"),
                embedded=EmbeddedSettings(model=gguf, slots=1, cache_mib=cache_mib),
                offload=OffloadSettings(max_output_tokens=16, repair_rounds=0, allow_losing=True),
                batch=BatchSettings(stop_failing=False),
            ),
            find_folders(),
        )
        try:
            caller = Caller("bench", "bench", project, (project,))
            await _all(hub, ({"task": "Say hello.", "files": ["warm.py"]},), caller)
            before = _engine_cpu()
            done = await _all(hub, items, caller)
            asked = [item for item in done if item.arguments["files"] == [ASKED]]
            return Took(
                round(sum(item.seconds for item in asked), 1),
                round(sum(item.seconds for item in done), 1),
                round(_engine_cpu() - before, 1),
                sum(item.tokens for item in asked) // len(asked),
            )
        finally:
            await hub.close()


async def _all(hub: Hub, items: tuple[dict[str, Any], ...], caller: Caller) -> tuple[ItemRecord, ...]:
    job_id = await hub.batches.submit(Planned("bench", items, sequential=False), caller)
    assert await hub.batches.wait(job_id, 3600)
    done = await Jobs(hub.history.database).items(job_id)
    assert len(done) == len(items)
    assert all(item.state in ENDED for item in done)
    return done


def _engine_cpu() -> float:
    """Return the CPU seconds of this process's children: the engine."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
