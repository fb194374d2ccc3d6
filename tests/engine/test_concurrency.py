"""How many tasks at once: found out by the engine's speed, on a clock of the test's own."""

import heapq
from collections import Counter
from dataclasses import dataclass, field

import pytest

from server.engine.concurrency import MOST, AdaptiveLimit

pytestmark = pytest.mark.fast


@dataclass
class Machine:
    """An engine that works on ``capacity`` tasks at once without getting slower, and shares beyond that."""

    capacity: int
    now: float = 0.0
    running: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def feed(self, width: AdaptiveLimit, tasks: int, saturated: bool = True) -> int:
        """Let this many tasks of one second end, as many at once as the width says; return which number
        was used the most."""
        used: Counter[int] = Counter()
        for _ in range(tasks):
            while len(self.running) < width.value:
                share = max(1.0, (len(self.running) + 1) / self.capacity)
                heapq.heappush(self.running, self.now + share)
            self.now = heapq.heappop(self.running)
            used[width.ended(1.0, saturated=saturated)] += 1
        return used.most_common(1)[0][0]


@pytest.mark.parametrize(("capacity", "found"), [(1, 1), (2, 2), (4, 4), (8, 8), (16, 16), (100, MOST)])
def test_it_finds_as_many_as_make_the_engine_faster(capacity: int, found: int) -> None:
    machine = Machine(capacity)
    width = AdaptiveLimit(clock=machine.clock)
    machine.feed(width, 800)
    assert width.value == found


def test_it_follows_when_machines_come_and_go() -> None:
    machine = Machine(4)
    width = AdaptiveLimit(clock=machine.clock)
    assert machine.feed(width, 300) == 4
    machine.capacity = 16
    machine.feed(width, 3000)
    assert machine.feed(width, 3000) == 16
    machine.capacity = 2
    machine.feed(width, 3000)
    assert machine.feed(width, 3000) == 2


def test_a_start_that_is_too_high_comes_down() -> None:
    machine = Machine(2)
    width = AdaptiveLimit(8, machine.clock)
    machine.feed(width, 2000)
    assert width.value == 2


def test_nothing_is_concluded_while_no_more_work_waits() -> None:
    machine = Machine(8)
    width = AdaptiveLimit(clock=machine.clock)
    machine.feed(width, 500, saturated=False)
    assert width.value == 1


def test_an_engine_that_refuses_gets_half_as_many() -> None:
    machine = Machine(100)
    width = AdaptiveLimit(8, machine.clock)
    assert width.refused() == 4
    for _ in range(5):
        width.refused()
    assert width.value == 1
