"""Campaign: working clients, and faults at random moments for a given time."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.engine import NOTES, value_file
from tests.faults.scene import FaultScene, Reply
from tests.faults.strikes import FAULTS

BATCH_ITEMS = 6
WORK_SECONDS = 60.0
"""How long to wait for an answered call between two faults (seconds)."""


@dataclass
class Told:
    """Requests and answers of the clients. ``promised`` maps files to their promised content, ``possible`` to
    all permitted contents: the requested one, or the previous one. ``attacks`` counts those that ran."""

    calls: Counter[str] = field(default_factory=Counter)
    promised: dict[str, str] = field(default_factory=dict)
    possible: dict[str, set[str | None]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    attacks: Counter[str] = field(default_factory=Counter)


def run_campaign(
    scene: FaultScene,
    *,
    clients: int,
    faults: int,
    pause: tuple[float, float],
    seed: int,
    kinds: Sequence[str] = tuple(FAULTS),
    told: Told | None = None,
) -> Told:
    """Let ``clients`` work while ``faults`` occur, one after each ``pause`` (seconds, from and to).

    The next fault is drawn from ``kinds`` without replacement; when all were drawn, it starts again. Requests
    and answers are added to ``told``.
    """
    told = Told() if told is None else told
    over = threading.Event()
    failed: list[BaseException] = []

    def work(index: int) -> None:
        try:
            worker = _Worker(scene, told, random.Random(seed * 1000 + index), index)
            while not over.is_set():
                worker.work()
        except BaseException as error:  # noqa: BLE001 - raised again in the campaign's own thread
            failed.append(error)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(clients)]
    for worker in workers:
        worker.start()
    chance = random.Random(seed)
    try:
        coming: list[str] = []
        while sum(told.faults.values()) < faults and not failed:
            _let_work(told, over=failed)
            time.sleep(chance.uniform(*pause))
            coming = coming or chance.sample(kinds, len(kinds))
            name = coming.pop()
            if FAULTS[name](scene, chance):
                told.faults[name] += 1
    finally:
        over.set()
        for worker in workers:
            worker.join()
    if failed:
        raise failed[0]
    return told


def _let_work(told: Told, over: list[BaseException]) -> None:
    """Wait for the next answered call, so that on a slow machine calls still succeed between faults."""
    deadline = time.monotonic() + WORK_SECONDS
    before = _answered(told)
    while _answered(told) == before and time.monotonic() < deadline and not over:
        time.sleep(0.02)


def _answered(told: Told) -> int:
    return sum(count for name, count in tuple(told.calls.items()) if name.endswith("answered"))


class _Worker:
    """One client, which requests new files, edits and batches one after the other."""

    def __init__(self, scene: FaultScene, told: Told, chance: random.Random, index: int) -> None:
        self._scene = scene
        self._told = told
        self._chance = chance
        self._index = index
        self._count = 0

    def work(self) -> None:
        self._count += 1
        number = self._index * 1_000_000 + self._count
        kind = self._chance.choices((self._write, self._edit, self._batch), (5, 4, 1))[0]
        reply = kind(number)
        outcome = "lost" if reply.lost else "error" if reply.is_error else "answered"
        self._told.calls[f"{kind.__name__[1:]}: {outcome}"] += 1
        if reply.is_error:
            self._told.errors[reply.text.partition(":")[0]] += 1

    def _write(self, number: int) -> Reply:
        name = f"v{number}.py"
        self._told.possible[name] = {None, value_file(number)}
        task = f"Write a module that holds the value {number}."
        reply = self._scene.call("offload_work", {"task": task, "output": name})
        if reply.delivered:
            self._told.promised[name] = value_file(number)
        return reply

    def _edit(self, number: int) -> Reply:
        name = f"e{number}.py"
        before = value_file(0)
        (self._scene.project / name).write_text(before)
        self._told.possible[name] = {before, value_file(number)}
        task = f"Let it be the value {number}."
        reply = self._scene.call("offload_work", {"task": task, "files": [name], "output": name})
        if reply.delivered:
            self._told.promised[name] = value_file(number)
        return reply

    def _batch(self, number: int) -> Reply:
        names = [f"b{number}_{item}" for item in range(BATCH_ITEMS)]
        for name in names:
            (self._scene.project / f"{name}.py").write_text(f"def {name}():\n    return 1\n")
            self._told.possible[f"{name}.md"] = {None, NOTES}
        arguments = {"task": "Write notes.", "each": [f"b{number}_*.py"], "output": "{stem}.md"}
        reply = self._scene.call("batch_offload", arguments)
        if reply.delivered and f"{BATCH_ITEMS} of {BATCH_ITEMS} done" in reply.text:
            self._told.promised |= {f"{name}.md": NOTES for name in names}
        return reply
