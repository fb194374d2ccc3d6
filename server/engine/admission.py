"""Admission of loads: the engine asks before each load and reports after it.

``server.gpu``, which this room does not import, implements the protocol with the model's memory need and the
machine's memory. Without an implementation, every load is admitted.
"""

from typing import Protocol

import psutil

from server.backends.base import Backend, LoadedModel

SHARE_OF_RAM = 0.6
"""Size limit for a model that the app chooses, as a share of all RAM."""


class Admission(Protocol):
    """The protocol that ``Engine`` calls around every load."""

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:
        """Return the context length, in tokens, for loading the model.

        The result is ``num_ctx``. It is less if ``num_ctx`` does not fit, the user did not set it, and
        ``need`` tokens still fit.

        Raises:
            ModelTooLarge: the model would not fit. The message names a context that would fit.
            ModelNotFound: the engine does not have this model.
        """

    async def compare(self, backend: Backend, loaded: tuple[LoadedModel, ...]) -> tuple[LoadedModel, ...]:
        """Compare the loaded models with their estimates. Return the models with the estimates filled in."""

    def largest(self, backend: Backend) -> int:
        """Return the size limit, in bytes, for a model that the app chooses."""


class AdmitAll:
    """Admits every load."""

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:  # noqa: ARG002
        """Return ``num_ctx`` unchanged."""
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
