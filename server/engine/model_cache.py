"""Which model a request means, remembered for moments: many calls at once ask the engine once."""

import asyncio
import time
from collections.abc import Callable, Coroutine

MOMENT = 3.0
"""How long an answer of the engine's holds for a single call, in seconds; about as long as what is loaded
is between two looks: the user may switch by hand."""
A_WHILE = 10.0
"""The same for the items of a batch. Loading and unloading by this app, and another engine, end it."""


class ModelCache:
    """The models that were chosen lately, by what was asked for (empty: the usual one)."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, float]] = {}
        self._asking: dict[str, asyncio.Task[str]] = {}

    async def get(
        self,
        wanted: str,
        seconds: float,
        allows: Callable[[str], bool],
        ask: Callable[[], Coroutine[None, None, str]],
    ) -> str:
        """Return the model that was chosen in the last ``seconds`` and that ``allows`` passes, else ``ask``.

        Whoever asks for the same meanwhile shares the answer, or the error.
        """
        model, at = self._kept.get(wanted, ("", 0.0))
        if model and time.monotonic() - at < seconds and allows(model):
            return model
        task = self._asking.get(wanted)
        if task is None:
            task = self._asking[wanted] = asyncio.create_task(self._ask(wanted, ask))
            task.add_done_callback(_look_at)
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Ask again: models came or went. What is being asked right now is not remembered either."""
        self._kept.clear()
        self._asking.clear()

    async def _ask(self, wanted: str, ask: Callable[[], Coroutine[None, None, str]]) -> str:
        try:
            model = await ask()
            if self._asking.get(wanted) is asyncio.current_task():
                self._kept[wanted] = (model, time.monotonic())
            return model
        finally:
            if self._asking.get(wanted) is asyncio.current_task():
                del self._asking[wanted]


def _look_at(task: "asyncio.Task[str]") -> None:
    """Take note of an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
