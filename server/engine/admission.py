"""Admission control for model loads: the engine asks before each load and reports back afterwards.

``server.gpu``, which this package does not import, implements the protocol based on the model's memory needs
and the machine's memory. Without an implementation, every load is admitted.
"""

from typing import Protocol

import psutil

from server.backends.base import Backend, LoadedModel

SHARE_OF_RAM = 0.6
"""Size limit for a model chosen by the app, as a fraction of total RAM."""


class Admission(Protocol):
    """The protocol that ``Engine`` calls before and after every load."""

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:
        """Return the context length, in tokens, to load the model with.

        This is ``num_ctx``, or less if ``num_ctx`` does not fit, the user did not set it, and ``need``
        tokens still fit.

        Raises:
            ModelTooLarge: the model would not fit. The message names a context that would fit.
            ModelNotFound: the engine does not have this model.
        """

    async def compare(self, backend: Backend, loaded: tuple[LoadedModel, ...]) -> tuple[LoadedModel, ...]:
        """Compare the loaded models with their estimates and return them with the estimates filled in."""

    def largest(self, backend: Backend) -> int:
        """Return the size limit, in bytes, for a model chosen by the app."""


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
        """Return 60 % of total RAM."""
        return round(SHARE_OF_RAM * psutil.virtual_memory().total)
