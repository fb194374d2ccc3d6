"""Benchmark of the transcript check: ``uv run python -m tests.bench.large.transcript_check [MEGABYTES]``
MEGABYTES is 300 if not given.

Writes a folder of transcripts in Claude Code's format and reads it: the first time, again, and after a
session has continued for some turns. The limits: 300 MB in under 20 s the first time and under 2 s again.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from server.config.sections import LedgerSettings, SavingsSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from tests.ledger.conversation import Conversation

OFFLOAD = "mcp__token-saver__offload_work"
SOURCES = [path.read_text(encoding="utf-8") for path in sorted(Path("server").rglob("*.py"))]


async def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_folder(folder, megabytes * 1_000_000)
        history = await History.open(folder / "history.db")
        ledger = Ledger(LedgerSettings(), load_prices(), 1500)
        audit = TranscriptCheck(SavingsSettings(audit=True, transcripts=name), history.database, ledger)
        for run in ("first", "again", "grown"):
            if run == "grown":
                _go_on(folder)
            start, busy = time.perf_counter(), time.process_time()
            steps: list[int] = []
            changed = await audit.run(lambda done, whole: steps.append(round(100 * done / whole)))  # noqa: B023
            took, busy = time.perf_counter() - start, time.process_time() - busy
            print(
                f"{run:>9}: {took:6.2f} s ({busy:.2f} s of CPU), {changed} of {files} files had news, "
                f"progress {len(steps)} times"
            )
        start = time.perf_counter()
        report = await audit.report()
        print(f"   report: {time.perf_counter() - start:6.2f} s, {report.bill.requests:,} requests")
        await history.close()


def write_folder(folder: Path, size: int) -> int:
    """Fill the folder with sessions of about 4 MB, mostly results."""
    chance = random.Random(5)
    written = files = 0
    while written < size:
        conversation = Conversation(folder, f"s{files}")
        files += 1
        with conversation.path.open("a", encoding="utf-8") as file:
            conversation.write_text = file.write  # type: ignore[method-assign,assignment] - once opened, not each time
            while file.tell() < min(4_000_000, size - written):
                _turn(conversation, chance)
        written += conversation.path.stat().st_size
    return files


def _go_on(folder: Path) -> None:
    chance = random.Random(6)
    conversation = Conversation(folder, "s0")
    for _ in range(20):
        _turn(conversation, chance)


def _turn(conversation: Conversation, chance: random.Random) -> None:
    source = chance.choice(SOURCES)
    tokens = len(source) // 2
    kind = chance.random()
    if kind < 0.5:
        conversation.read(f"/home/me/project/f{chance.randrange(300)}.py", source, tokens)
    elif kind < 0.8:
        conversation.use("Bash", {"command": "make test"}, source[:4000], call_tokens=70, result_tokens=1900)
    elif kind < 0.98:
        edit = {
            "file_path": "/home/me/project/f1.py",
            "old_string": source[:600],
            "new_string": source[300:900],
        }
        conversation.use("Edit", edit, "ok", call_tokens=600, result_tokens=30)
    else:
        call = {"task": "Write tests", "files": ["f1.py"], "output": "t.py"}
        conversation.use(OFFLOAD, call, "Wrote t.py", call_tokens=120, result_tokens=30)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
