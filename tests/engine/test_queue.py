"""The fair queue: order, limits, cancellation."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.common.errors import QueueFull
from server.engine.queue import FairQueue

pytestmark = [pytest.mark.anyio, pytest.mark.fast]


@dataclass
class Worker:
    """Tasks that enter a queue and stay until the test releases them."""

    queue: FairQueue
    order: list[str] = field(default_factory=list)
    inside: dict[str, asyncio.Event] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def enter(self, name: str, client: str, interactive: bool = True) -> None:
        async def work() -> None:
            async with self.queue.slot(client, interactive, name):
                self.order.append(name)
                self.inside[name] = asyncio.Event()
                try:
                    await self.inside[name].wait()
                finally:
                    del self.inside[name]

        self.tasks[name] = asyncio.create_task(work())
        await settle()

    async def release(self, name: str) -> None:
        self.inside[name].set()
        await settle()

    async def finish(self) -> list[str]:
        """Release all tasks in the order of their admission, and return that order."""
        while self.inside:
            await self.release(next(iter(self.inside)))
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        return self.order


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_client_with_many_tasks_delays_another_by_one_task() -> None:
    worker = Worker(FairQueue(limit=100))
    for number in range(5):
        await worker.enter(f"a{number}", "a")
    for number in range(2):
        await worker.enter(f"b{number}", "b")
    await worker.enter("c0", "c")

    assert await worker.finish() == ["a0", "a1", "b0", "c0", "a2", "b1", "a3", "a4"]


async def test_the_order_is_told_in_advance() -> None:
    worker = Worker(FairQueue(limit=20))
    for name, client in (("first", "a"), ("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b")):
        await worker.enter(name, client)
    await worker.enter("c1", "c", interactive=False)
    await worker.enter("gone", "b")
    worker.tasks["gone"].cancel()
    await settle()
    told = worker.queue.order
    assert told == ("a1", "b1", "a2", "b2", "a3", "c1")
    await worker.release("first")
    assert worker.queue.order == told[1:]
    assert await worker.finish() == ["first", *told]
    assert worker.queue.order == ()


async def test_interactive_goes_before_batch() -> None:
    worker = Worker(FairQueue(limit=100))
    for number in range(3):
        await worker.enter(f"batch{number}", "a", interactive=False)
    await worker.enter("asked", "b")
    await worker.enter("asked too", "a")

    assert await worker.finish() == ["batch0", "asked", "asked too", "batch1", "batch2"]


async def test_tasks_admitted_at_once_equal_the_slots() -> None:
    worker = Worker(FairQueue(limit=100, slots=3))
    for number in range(5):
        await worker.enter(str(number), "a")
    assert len(worker.inside) == worker.queue.running == 3
    assert worker.queue.waiting == 2

    worker.queue.slots = 4
    await settle()
    assert len(worker.inside) == 4

    worker.queue.slots = 1
    await worker.release("0")
    assert len(worker.inside) == worker.queue.running == 3
    assert await worker.finish() == ["0", "1", "2", "3", "4"]


async def test_full_queue_is_an_error() -> None:
    worker = Worker(FairQueue(limit=2))
    for number in range(3):
        await worker.enter(str(number), "a")
    with pytest.raises(QueueFull, match="2 tasks are waiting") as raised:
        async with worker.queue.slot("b"):
            pass
    assert "queue_limit" in raised.value.next_step
    assert await worker.finish() == ["0", "1", "2"]


async def test_cancelled_while_waiting() -> None:
    worker = Worker(FairQueue(limit=10))
    for name in ("first", "gone", "last"):
        await worker.enter(name, "a")
    worker.tasks["gone"].cancel()
    await settle()
    assert worker.queue.waiting == 1
    assert await worker.finish() == ["first", "last"]


async def test_cancelled_in_the_instant_of_admission() -> None:
    worker = Worker(FairQueue(limit=10))
    for name in ("first", "gone", "last"):
        await worker.enter(name, "a")
    worker.inside["first"].set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    worker.tasks["gone"].cancel()
    await settle()
    assert "last" in worker.inside
    await worker.finish()
    assert worker.queue.running == worker.queue.waiting == 0


async def test_cancelled_just_before_its_turn() -> None:
    worker = Worker(FairQueue(limit=10))
    for name in ("first", "gone", "last"):
        await worker.enter(name, "a")
    worker.tasks["gone"].cancel()
    worker.queue.slots = 2
    await settle()
    assert list(worker.inside) == ["first", "last"]
    await worker.finish()
    assert worker.queue.running == worker.queue.waiting == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from("abc"), st.booleans()),
        st.tuples(st.just("leave"), st.integers(0, 20), st.just(True)),
        st.tuples(st.just("cancel"), st.integers(0, 40), st.just(True)),
        st.tuples(st.just("slots"), st.integers(1, 4), st.just(True)),
        st.tuples(st.just("pause"), st.integers(0, 3), st.just(True)),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_no_slot_is_lost_in_any_sequence(steps: list[tuple[str, object, bool]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, object, bool]]) -> None:
    worker = Worker(FairQueue(limit=8))
    pick: Callable[[list[str], int], str | None] = lambda names, n: names[n % len(names)] if names else None  # noqa: E731
    for number, (step, value, interactive) in enumerate(steps):
        if step == "enter":
            await worker.enter(str(number), str(value), interactive)
        elif step == "leave" and (name := pick(list(worker.inside), int(str(value)))):
            worker.inside[name].set()
        elif step == "cancel" and (name := pick(list(worker.tasks), int(str(value)))):
            worker.tasks[name].cancel()
        elif step == "slots":
            worker.queue.slots = int(str(value))
        elif step == "pause":
            for _ in range(int(str(value))):
                await asyncio.sleep(0)
        assert worker.queue.running >= len(worker.inside)
        assert worker.queue.waiting <= 8
    await settle()
    assert worker.queue.running == len(worker.inside)
    if worker.queue.waiting:
        assert worker.queue.running >= worker.queue.slots, "nobody waits while a slot is free"
    await worker.finish()
    assert worker.queue.running == worker.queue.waiting == 0
    ended = [name for name, task in worker.tasks.items() if not task.cancelled() and task.exception() is None]
    assert set(ended) <= set(worker.order)
    refused = [task for task in worker.tasks.values() if not task.cancelled() and task.exception()]
    assert all(isinstance(task.exception(), QueueFull) for task in refused)
