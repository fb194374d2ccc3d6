"""The fair queue in front of an engine: who may use it next.

As many tasks as the engine has slots are let in at once. Interactive tasks go before batch ones, and
among the clients of each kind the turn goes round, so that one client with a hundred tasks delays
another's first by one task only.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from server.common.errors import QueueFull

_Line = OrderedDict[str, deque[asyncio.Future[None]]]


class FairQueue:
    """Lets tasks in, at most ``slots`` at once and ``limit`` waiting. For use in one event loop."""

    def __init__(self, limit: int, slots: int = 1) -> None:
        self._limit = limit
        self._slots = slots
        self._running = 0
        self._waiting = 0
        self._interactive: _Line = OrderedDict()
        self._batch: _Line = OrderedDict()

    @property
    def running(self) -> int:
        """How many tasks are in."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many tasks wait."""
        return self._waiting

    @property
    def slots(self) -> int:
        """How many tasks may be in at once."""
        return self._slots

    @slots.setter
    def slots(self, slots: int) -> None:
        self._slots = max(1, slots)
        self._let_in()

    @asynccontextmanager
    async def slot(self, client: str, interactive: bool = True) -> AsyncGenerator[None]:
        """Wait for a turn, and hold it for the time of the context. Cancelling is safe at any moment.

        Raises:
            QueueFull: as many tasks wait as the queue holds.
        """
        await self._enter(client, self._interactive if interactive else self._batch)
        try:
            yield
        finally:
            self._running -= 1
            self._let_in()

    async def _enter(self, client: str, line: _Line) -> None:
        if self._running < self._slots and not self._waiting:
            self._running += 1
            return
        if self._waiting >= self._limit:
            raise QueueFull(
                f"{self._waiting} tasks already wait for the engine, as many as the queue holds.",
                "Try again when some are done, or raise [offload] queue_limit.",
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.setdefault(client, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in and cancelled in the same instant
                self._running -= 1
                self._let_in()
            else:
                self._leave(client, turn, line)
            raise

    def _let_in(self) -> None:
        while self._waiting and self._running < self._slots:
            turn = self._take_next()
            if not turn.cancelled():  # one whose task has yet to hear of it is passed over
                self._running += 1
                turn.set_result(None)

    def _take_next(self) -> asyncio.Future[None]:
        line = self._interactive or self._batch
        client, turns = next(iter(line.items()))
        turn = turns.popleft()
        self._waiting -= 1
        if turns:
            line.move_to_end(client)
        else:
            del line[client]
        return turn

    def _leave(self, client: str, turn: asyncio.Future[None], line: _Line) -> None:
        turns = line.get(client, deque())
        if turn not in turns:
            return
        turns.remove(turn)
        self._waiting -= 1
        if not turns:
            del line[client]
