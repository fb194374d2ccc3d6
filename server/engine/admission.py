"""Admission of loads: the engine asks it before each load and reports to it afterwards.

``server.models``, which this room does not import, implements it with the memory that a model needs and the
machine has. Without an implementation every load is admitted.
"""

from typing import Protocol

import psutil

from server.backends.base import Backend, LoadedModel

SHARE_OF_RAM = 0.6
"""Largest file, as a share of all RAM, of a model that is chosen without being named."""


class Admission(Protocol):
    """Consulted by ``Engine`` around every load."""

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:
        """Return the context length, in tokens, to load the model with: ``num_ctx``, or less if that does not
        fit, the user did not set it, and ``need`` tokens still fit.

        Raises:
            ModelTooLarge: the model would not fit; the message names a context that would.
            ModelNotFound: the engine has no such model.
        """

    async def compare(self, backend: Backend, loaded: tuple[LoadedModel, ...]) -> tuple[LoadedModel, ...]:
        """Compare the loaded models with their estimates, and return them with the estimates filled in."""

    def largest(self, backend: Backend) -> int:
        """Return the largest file, in bytes, of a model that is chosen without being named."""


class AdmitAll:
    """Admits every load."""

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:  # noqa: ARG002
        """Return ``num_ctx``."""
        return num_ctx

    async def compare(
        self,
        backend: Backend,  # noqa: ARG002
        loaded: tuple[LoadedModel, ...],
    ) -> tuple[LoadedModel, ...]:
        """Return ``loaded`` unchanged."""
        return loaded

    def largest(self, backend: Backend) -> int:  # noqa: ARG002
        """Return 60 % of the RAM."""
        return round(SHARE_OF_RAM * psutil.virtual_memory().total)
