"""Which model a request means, remembered for moments: a batch asks the same for every item."""

import asyncio
import time

SECONDS = 10.0
"""How long an answer of the engine's holds. What it has installed rarely changes meanwhile; loading and
unloading by this app, and another engine, make it ask again."""


class Choices:
    """The models that were chosen lately, by what was asked for (empty: the usual one). Hold ``asking``
    while the engine is asked, so that many items ask it once."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.asking = asyncio.Lock()
        self._seconds = seconds
        self._kept: dict[str, tuple[str, float]] = {}

    def recall(self, wanted: str) -> str:
        """Return the model, empty where it was not asked for lately."""
        model, until = self._kept.get(wanted, ("", 0.0))
        return model if time.monotonic() < until else ""

    def keep(self, wanted: str, model: str) -> str:
        """Remember and return the model."""
        self._kept[wanted] = (model, time.monotonic() + self._seconds)
        return model

    def forget(self) -> None:
        """Ask again: models came or went."""
        self._kept.clear()
