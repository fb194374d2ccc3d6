"""A month of a developer's offloads, for screenshots and for tests that need a history.

The figures come from a fixed seed and the real ledger, so that every receipt adds up.
"""

import asyncio
import hashlib
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from server.config.sections import LedgerSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.terms import TURN, Figures
from server.store.history import History
from server.store.records import (
    AttemptRecord,
    CheckRecord,
    FileRecord,
    OffloadEnd,
    OffloadStart,
    ReceiptRecord,
    UndoRecord,
)

HOUR = 3600.0
CODER, SMALL = "qwen2.5-coder:7b", "qwen2.5-coder:1.5b"
DEFINITIONS_TOKENS = 1100
PROJECT = "/home/kim/projects/harbour"

BEFORE = """\
def berth_fee(length, days):
    rate = 12.5
    if length > 12:
        rate = 18
    return rate * days


def overdue(bookings, today):
    return [b for b in bookings if b.end < today]
"""
AFTER = '''\
def berth_fee(length: float, days: int) -> float:
    """Return the fee for a boat of that length (metres) over that many days, in euros."""
    rate = 12.5
    if length > 12:
        rate = 18
    return rate * days


def overdue(bookings: list[Booking], today: date) -> list[Booking]:
    """Return the bookings that ended before today."""
    return [b for b in bookings if b.end < today]
'''


@dataclass(frozen=True)
class Chore:
    """One kind of work: task, files, output, approximate tokens saved."""

    task: str
    files: tuple[str, ...]
    output: str | None
    spared: int
    seconds: float


CHORES = (
    Chore(
        "Add type hints and one-line docstrings to every function",
        ("harbour/fees.py",),
        "harbour/fees.py",
        2600,
        14,
    ),
    Chore(
        "Write pytest tests for the public functions of this module",
        ("harbour/berths.py",),
        "tests/test_berths.py",
        5200,
        31,
    ),
    Chore(
        "Summarise what went wrong in this log, with the three most likely causes",
        ("logs/import.log",),
        None,
        9400,
        22,
    ),
    Chore(
        "Translate the German comments into English",
        ("harbour/legacy/tides.py",),
        "harbour/legacy/tides.py",
        3900,
        19,
    ),
    Chore(
        "Convert this CSV's columns into a TypeScript interface",
        ("data/vessels.csv",),
        "web/src/vessel.ts",
        1400,
        8,
    ),
    Chore(
        "Write a README section that explains the command line options",
        ("harbour/cli.py",),
        "docs/cli.md",
        2200,
        17,
    ),
    Chore(
        "Replace print calls by logging calls of the fitting level",
        ("harbour/jobs/*.py",),
        "harbour/jobs/sync.py",
        4400,
        26,
    ),
    Chore("Make an OpenAPI example for each endpoint", ("harbour/api.py",), "docs/examples.json", 3100, 24),
)


def write_month(database: Path, count: int = 90) -> list[str]:
    """Write the month into a new database and return the ids, newest last."""
    # In a separate thread, because Playwright runs an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _write_month(database, count)).result()


async def _write_month(database: Path, count: int) -> list[str]:
    database.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(7)
    ledger = Ledger(LedgerSettings(), load_prices(), DEFINITIONS_TOKENS)
    history = await History.open(database)
    now = time.time()
    spans = sorted((chance.random() ** 1.3 * 29 * 24 * HOUR + 180 for _ in range(count - 1)), reverse=True)
    ids: list[str] = []
    try:
        for number, span in enumerate([*spans, 95.0]):
            last = number == count - 1
            chore = CHORES[0] if last else chance.choice(CHORES)
            offload_id = f"{0xA1B20000 + number * 977:08x}"
            await _write(
                history, ledger, chance, offload_id=offload_id, at=now - span, chore=chore, last=last
            )
            ids.append(offload_id)
    finally:
        await history.close()
    return ids


async def _write(
    history: History,
    ledger: Ledger,
    chance: random.Random,
    *,
    offload_id: str,
    at: float,
    chore: Chore,
    last: bool,
) -> None:
    outcome = "delivered" if last else _outcome(chance, chore)
    model = CODER if last or chance.random() < 0.7 else SMALL
    arguments = {"task": chore.task, "files": list(chore.files)} | (
        {"output": chore.output} if chore.output else {}
    )
    spared = int(chore.spared * chance.uniform(0.6, 1.6))
    receipt = _receipt(ledger, chance, spared if outcome in ("delivered", "returned") else 0, chore)
    client = "claude-code" if last or chance.random() < 0.8 else "claude-desktop"
    project = PROJECT if last or chance.random() < 0.75 else "/home/kim/projects/almanac"
    await history.start(
        OffloadStart(
            offload_id, at, "offload_work", chore.task, arguments, client, "s1", None, project, chore.output
        )
    )
    seconds = chore.seconds * chance.uniform(0.6, 1.7)
    attempts = 2 if last or outcome == "handed_back" else 1
    for number in range(attempts):
        await history.attempt(
            offload_id, _attempt(number + 1, chore, outcome, count=attempts, seconds=seconds)
        )
    await history.finish(
        offload_id,
        _end(
            at,
            seconds,
            outcome=outcome,
            chore=chore,
            model=model,
            receipt=receipt,
            undoable=last,
        ),
    )


def _outcome(chance: random.Random, chore: Chore) -> str:
    roll = chance.random()
    if roll < 0.08:
        return "handed_back"
    if roll < 0.11:
        return "failed"
    if roll < 0.13:
        return "cancelled"
    return "delivered" if chore.output else "returned"


def _receipt(ledger: Ledger, chance: random.Random, saved: int, chore: Chore) -> ReceiptRecord:
    output = int(saved * chance.uniform(0.3, 0.6)) if chore.output else 0
    figures = Figures(
        saved_input=saved - output,
        saved_output=output,
        cost_output=chance.randint(90, 170),
        cost_input=chance.randint(70, 120) if chore.output else chance.randint(240, 420),
        cost_share=ledger.share,
        saved_turns=2 * TURN if output else TURN,
        cost_turns=TURN,
    )
    return ledger.price(figures).as_record()


def _attempt(number: int, chore: Chore, outcome: str, *, count: int, seconds: float) -> AttemptRecord:
    failed = outcome == "handed_back" or number < count
    checks = (
        CheckRecord("complete", passed=True, message=""),
        CheckRecord(
            "parses",
            passed=not failed,
            message="line 9: `date` is used and nothing defines or imports it" if failed else "",
        ),
    )
    prompt = (
        {
            "role": "system",
            "content": "You edit files exactly as asked. Answer with the whole file, in one code block.",
        },
        {"role": "user", "content": f"{chore.task}\n\nFile {chore.files[0]}:\n```\n{BEFORE}```"},
    )
    return AttemptRecord(
        number=number,
        kind="edit" if number == 1 else "repair",
        prompt=prompt,
        answer=f"```python\n{AFTER}```\n",
        thinking="",
        finish_reason="stop",
        prompt_tokens=812 + 190 * (number - 1),
        completion_tokens=236,
        checks=checks if outcome != "cancelled" else (),
        timings=_timings(number, count, seconds),
    )


SHARES = {"queue": 0.04, "load": 0.12, "prompt": 0.13, "generate": 0.66, "check": 0.04, "write": 0.01}
"""Shares of the stages in the time of an offload. Attempts share the last four but for the writing."""


def _timings(number: int, count: int, seconds: float) -> dict[str, float]:
    before = {"queue": SHARES["queue"], "load": SHARES["load"]}
    each = {stage: SHARES[stage] / count for stage in ("prompt", "generate", "check")}
    began = 0.0 if number == 1 else sum(before.values()) + (number - 1) * sum(each.values())
    shares = {"began": began, **(before if number == 1 else {}), **each}
    return {stage: share * seconds for stage, share in shares.items()}


def _end(
    at: float,
    seconds: float,
    *,
    outcome: str,
    chore: Chore,
    model: str,
    receipt: ReceiptRecord,
    undoable: bool,
) -> OffloadEnd:
    diff = "".join(
        unified_diff(
            BEFORE.splitlines(keepends=True),
            AFTER.splitlines(keepends=True),
            f"a/{chore.output}",
            f"b/{chore.output}",
        )
    )
    files = [FileRecord(f"{PROJECT}/{name}", "input", f"{hash_of(name)}", 1400) for name in chore.files]
    if chore.output and outcome == "delivered":
        files.append(FileRecord(f"{PROJECT}/{chore.output}", "output", hash_of(chore.output + "!"), 1730))
    return OffloadEnd(
        ended_at=at + seconds,
        outcome=outcome,
        code=CODES.get(outcome, ""),
        summary=_summary(outcome, chore, receipt, seconds),
        model=model,
        backend="Ollama 0.33 at 127.0.0.1:11434",
        diff=diff if outcome == "delivered" else "",
        timings={name: share * seconds for name, share in SHARES.items()} | {"total": seconds},
        prompt_tokens=812,
        completion_tokens=236,
        files=tuple(files),
        receipt=receipt,
        undo=UndoRecord(f"{PROJECT}/{chore.output}", BEFORE.encode(), hash_of("after")) if undoable else None,
    )


CODES = {"handed_back": "undefined_name", "failed": "backend_failed", "cancelled": "cancelled"}


def _summary(outcome: str, chore: Chore, receipt: ReceiptRecord, seconds: float) -> str:
    if outcome == "handed_back":
        return (
            "Handed back, undefined_name (names): line 9: `date` is used and nothing defines or imports it. "
            "Nothing was written (2 tries). Do this task yourself."
        )
    if outcome == "failed":
        return (
            "backend_failed: Ollama broke off in the middle of the answer. Try again; see Ollama's own log."
        )
    if outcome == "cancelled":
        return "cancelled: The call was cancelled. Nothing was written."
    if outcome == "returned":
        return (
            "1. The feed changed its date format on 3 Nov. 2. Two retries ran at once. 3. The disk filled up."
        )
    return (
        f"{chore.output}: +4 -2 lines; berth_fee, overdue.\nParsed after 1 failed try; checks: complete, "
        f"parses. {CODER}, {seconds:.1f} s, net {receipt.net_tokens:+,} tokens."
    )


def hash_of(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
