"""Short-lived cache of model choices, so that many simultaneous calls ask the engine only once."""

import asyncio
import time
from collections.abc import Callable, Coroutine

CALL_SECONDS = 3.0
"""How long a choice stays valid for a single call (seconds). This is about the polling interval, because the
user may load another model by hand.
"""
BATCH_SECONDS = 10.0
"""How long a choice stays valid for items in a batch (seconds). It is dropped earlier if the app loads or
unloads a model or the engine changes.
"""


class ModelCache:
    """Recent model choices by requested name (empty: the default model)."""

    def __init__(self) -> None:
        self._choices: dict[str, tuple[str, float]] = {}
        self._pending: dict[str, asyncio.Task[str]] = {}

    async def get(
        self,
        wanted: str,
        seconds: float,
        is_allowed: Callable[[str], bool],
        choose: Callable[[], Coroutine[None, None, str]],
    ) -> str:
        """Return the model chosen in the last ``seconds`` if it is still allowed; otherwise ``choose`` one.

        Concurrent requests for the same name share one choice, or the error it raised.
        """
        model, at = self._choices.get(wanted, ("", 0.0))
        if model and time.monotonic() - at < seconds and is_allowed(model):
            return model
        task = self._pending.get(wanted)
        if task is None:
            task = self._pending[wanted] = asyncio.create_task(self._choose(wanted, choose))
            task.add_done_callback(_retrieve_error)
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Drop all choices, including pending ones, because the models changed."""
        self._choices.clear()
        self._pending.clear()

    async def _choose(self, wanted: str, choose: Callable[[], Coroutine[None, None, str]]) -> str:
        try:
            model = await choose()
            if self._pending.get(wanted) is asyncio.current_task():
                self._choices[wanted] = (model, time.monotonic())
            return model
        finally:
            if self._pending.get(wanted) is asyncio.current_task():
                del self._pending[wanted]


def _retrieve_error(task: "asyncio.Task[str]") -> None:
    """Retrieve the error from a task whose callers are gone, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()
