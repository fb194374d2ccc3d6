"""Fair queue in front of an engine.

The queue admits as many tasks at a time as the engine has slots. Interactive tasks come before batch tasks.
Within each kind, clients take turns, so a client with a hundred tasks delays another client's first task by
only one task.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from server.common.errors import QueueFull

_Turn = asyncio.Future[None]
_Lane = OrderedDict[str, deque[_Turn]]


class FairQueue:
    """Admits up to ``slots`` tasks at a time and lets up to ``limit`` wait. Belongs to one event loop."""

    def __init__(self, limit: int, slots: int = 1) -> None:
        self._limit = limit
        self._slots = slots
        self._running = 0
        self._waiting = 0
        self._interactive: _Lane = OrderedDict()
        self._batch: _Lane = OrderedDict()
        self._names: dict[_Turn, str] = {}

    @property
    def running(self) -> int:
        """Number of admitted tasks."""
        return self._running

    @property
    def waiting(self) -> int:
        """Number of waiting tasks."""
        return self._waiting

    @property
    def slots(self) -> int:
        """Number of tasks that can be admitted at a time."""
        return self._slots

    @slots.setter
    def slots(self, slots: int) -> None:
        self._slots = max(1, slots)
        self._admit()

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the waiting tasks, next first, if no other task comes."""
        found: list[_Turn] = []
        for lane in (self._interactive, self._batch):
            rows = deque(deque(turns) for turns in lane.values())
            while rows:
                row = rows.popleft()
                found.append(row.popleft())
                if row:
                    rows.append(row)
        return tuple(self._names[turn] for turn in found)

    @asynccontextmanager
    async def slot(self, client: str, interactive: bool = True, name: str = "") -> AsyncGenerator[None]:
        """Wait for a slot and hold it while the context is open. Cancelling is safe at any time. ``name``
        stands for the task in ``order``.

        Raises:
            QueueFull: ``limit`` tasks are already waiting.
        """
        await self._enter(client, self._interactive if interactive else self._batch, name)
        try:
            yield
        finally:
            self._running -= 1
            self._admit()

    async def _enter(self, client: str, lane: _Lane, name: str) -> None:
        if self._running < self._slots and not self._waiting:
            self._running += 1
            return
        if self._waiting >= self._limit:
            raise QueueFull(
                f"{self._waiting} tasks are waiting for the engine, and the queue is full.",
                "Try again when some tasks are done, or raise [offload] queue_limit.",
            )
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._names[turn] = name
        lane.setdefault(client, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted and cancelled in the same instant
                self._running -= 1
                self._admit()
            else:
                self._leave(client, turn, lane)
            raise
        finally:
            del self._names[turn]

    def _admit(self) -> None:
        while self._waiting and self._running < self._slots:
            turn = self._next()
            if not turn.cancelled():  # a cancelled task may not have removed itself yet
                self._running += 1
                turn.set_result(None)

    def _next(self) -> _Turn:
        lane = self._interactive or self._batch
        client, turns = next(iter(lane.items()))
        turn = turns.popleft()
        self._waiting -= 1
        if turns:
            lane.move_to_end(client)
        else:
            del lane[client]
        return turn

    def _leave(self, client: str, turn: _Turn, lane: _Lane) -> None:
        turns = lane.get(client, deque())
        if turn not in turns:
            return
        turns.remove(turn)
        self._waiting -= 1
        if not turns:
            del lane[client]
