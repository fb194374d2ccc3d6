"""The adaptive number of parallel tasks, with a simulated clock."""

import heapq
from collections import Counter
from dataclasses import dataclass, field

import pytest

from server.engine.concurrency import MAXIMUM, AdaptiveLimit

pytestmark = pytest.mark.fast


@dataclass
class Machine:
    """An engine that runs ``capacity`` tasks in parallel at full speed and shares its speed beyond that."""

    capacity: int
    now: float = 0.0
    running: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def feed(self, limit: AdaptiveLimit, tasks: int, saturated: bool = True) -> int:
        """Run tasks of one second each, as many in parallel as the limit says; return the number that was
        used the most."""
        used: Counter[int] = Counter()
        for _ in range(tasks):
            while len(self.running) < limit.value:
                share = max(1.0, (len(self.running) + 1) / self.capacity)
                heapq.heappush(self.running, self.now + share)
            self.now = heapq.heappop(self.running)
            used[limit.task_ended(1.0, saturated=saturated)] += 1
        return used.most_common(1)[0][0]


@pytest.mark.parametrize(
    ("capacity", "found"),
    [(1, 1), (2, 2), (4, 4), (8, 8), (16, 16), (100, MAXIMUM)],
    ids=["one", "two", "four", "eight", "sixteen", "no-limit"],
)
def test_number_rises_while_it_raises_the_throughput(capacity: int, found: int) -> None:
    machine = Machine(capacity)
    limit = AdaptiveLimit(clock=machine.clock)
    machine.feed(limit, 800)
    assert limit.value == found


def test_number_follows_when_machines_come_and_go() -> None:
    machine = Machine(4)
    limit = AdaptiveLimit(clock=machine.clock)
    assert machine.feed(limit, 300) == 4
    machine.capacity = 16
    machine.feed(limit, 3000)
    assert machine.feed(limit, 3000) == 16
    machine.capacity = 2
    machine.feed(limit, 3000)
    assert machine.feed(limit, 3000) == 2


def test_too_high_a_start_is_lowered() -> None:
    machine = Machine(2)
    limit = AdaptiveLimit(8, machine.clock)
    machine.feed(limit, 2000)
    assert limit.value == 2


def test_number_stays_while_no_tasks_wait() -> None:
    machine = Machine(8)
    limit = AdaptiveLimit(clock=machine.clock)
    machine.feed(limit, 500, saturated=False)
    assert limit.value == 1


def test_number_is_halved_when_the_engine_refuses() -> None:
    machine = Machine(100)
    limit = AdaptiveLimit(8, machine.clock)
    assert limit.overloaded() == 4
    for _ in range(5):
        limit.overloaded()
    assert limit.value == 1
