"""What it brings to do the items that share a file together: ``uv run python -m tests.bench.prefix GGUF``.

Twenty questions on one file of some 2,000 tokens, among some on another, on the real embedded engine with a
small model (``GGUF`` is its file) and one slot: in the order in which a batch does them, and shuffled. Prints
the seconds of both and their ratio (the bar is 2). The engine's memory of finished prompts is off, as it
holds few prompts of larger models: a second argument is its size in MiB.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from server.batch.plan import Planned, by_shared_prefix
from server.folders import find_folders
from server.hub import Hub
from server.offload.values import Caller
from server.settings import BackendSettings, BatchSettings, EmbeddedSettings, OffloadSettings, Settings

QUESTIONS = {"orders.py": 20, "users.py": 8}
FUNCTIONS = 60
RESULT = Path(__file__).parent / "results" / "prefix.json"
FUNCTION = '''def {name}_{n}(value: int) -> int:
    """Return {name} number {n} for a value."""
    return value * {n} + {n}


'''


def main() -> None:
    """Measure, print, write."""
    result = asyncio.run(_measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
    print(json.dumps(result))
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


async def _measure(gguf: str, cache_mib: int) -> dict[str, Any]:
    items: list[dict[str, Any]] = [
        {"task": f"What does function {n} return?", "files": [name], "output_format": "explanation"}
        for name, count in QUESTIONS.items()
        for n in range(count)
    ]
    random.Random(1).shuffle(items)
    in_order, prompts = await _run(gguf, cache_mib, by_shared_prefix(items))
    shuffled, _ = await _run(gguf, cache_mib, tuple(items))
    return {
        "model": Path(gguf).name,
        "cache_mib": cache_mib,
        "tokens_an_item": prompts,
        "in_order_s": round(in_order, 1),
        "shuffled_s": round(shuffled, 1),
        "ratio": round(shuffled / in_order, 2),
    }


async def _run(gguf: str, cache_mib: int, items: tuple[dict[str, Any], ...]) -> tuple[float, int]:
    """Return the seconds that the items take in this order, with an engine of their own, warmed up; and the
    tokens of a prompt."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TOKEN_SAVER_HOME"] = str(Path(folder) / "home")
        project = Path(folder) / "project"
        project.mkdir()
        for name in QUESTIONS:
            text = "".join(FUNCTION.format(name=name[:-3], n=n) for n in range(FUNCTIONS))
            (project / name).write_text(text)
        (project / "warm.py").write_text("x = 1\n")
        hub = Hub(
            Settings(
                backend=BackendSettings(kind="embedded"),
                embedded=EmbeddedSettings(model=gguf, slots=1, cache_mib=cache_mib),
                offload=OffloadSettings(max_output_tokens=16, repair_rounds=0, allow_losing=True),
                batch=BatchSettings(stop_failing=False),
            ),
            find_folders(),
        )
        await hub.start()
        try:
            caller = Caller("bench", "bench", project, (project,))
            await _all(hub, ({"task": "Say hello.", "files": ["warm.py"]},), caller)
            began = time.monotonic()
            tokens = await _all(hub, items, caller)
            return time.monotonic() - began, tokens
        finally:
            await hub.close()


async def _all(hub: Hub, items: tuple[dict[str, Any], ...], caller: Caller) -> int:
    """Do the items; return the tokens of one prompt."""
    job_id = await hub.batches.submit(Planned("bench", items, sequential=False), caller)
    assert await hub.batches.wait(job_id, 3600)
    counts = await hub.batches.counts(job_id)
    assert counts.ended == counts.total == len(items), counts
    return counts.tokens // len(items)


if __name__ == "__main__":
    main()
