"""Who says whether a model may be loaded: the engine asks before a load and tells what was taken after it.

What a model takes and what the machine has is computed in ``server.models``, which this package does
not know; without it everything is admitted.
"""

from typing import Protocol

import psutil

from server.backends.base import Backend, LoadedModel

SHARE_OF_RAM = 0.6
"""Of all RAM, how large a model's file may be that is chosen without being named."""


class Admission(Protocol):
    """Asked by ``Engine`` around every load."""

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:
        """Return the context length, in tokens, to load the model with: ``num_ctx``, or less where that
        does not fit, nobody fixed it and ``need`` tokens still do.

        Raises:
            ModelTooLarge: it would not fit; the message names the context that would.
            ModelNotFound: the engine has no such model.
        """

    async def measure(self, backend: Backend, loaded: tuple[LoadedModel, ...]) -> tuple[LoadedModel, ...]:
        """Compare what is loaded with what was expected, and return it with the latter filled in."""

    def largest(self, backend: Backend) -> int:
        """Return how large a model's file may be, in bytes, to be chosen without being named."""


class AdmitAll:
    """Lets every load pass."""

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:  # noqa: ARG002
        """Return ``num_ctx``."""
        return num_ctx

    async def measure(
        self,
        backend: Backend,  # noqa: ARG002
        loaded: tuple[LoadedModel, ...],
    ) -> tuple[LoadedModel, ...]:
        """Return ``loaded`` as it is."""
        return loaded

    def largest(self, backend: Backend) -> int:  # noqa: ARG002
        """Return 60 % of the RAM."""
        return round(SHARE_OF_RAM * psutil.virtual_memory().total)
