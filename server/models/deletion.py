"""Removes a model from the engine's disk."""

from server.backends.base import DeletesModels
from server.common.errors import BackendUnsupported
from server.engine.engine import Engine

KINDS = ("ollama", "embedded")
"""The engines that delete models on request."""


async def delete_model(engine: Engine, model: str) -> None:
    """Unload a model and remove it; it can be pulled again.

    Raises:
        ModelNotFound: the engine has no such model.
        BackendUnsupported: this engine does not delete models.
        BackendError: the engine is gone or failed.
    """
    backend = await engine.use()
    if not isinstance(backend, DeletesModels):
        raise BackendUnsupported(
            f"{backend.label} does not delete models.", "Remove it in that server itself."
        )
    if any(each.name == model for each in engine.view().loaded):
        await engine.unload(model)
    try:
        await backend.delete(model)
    finally:
        await engine.refresh(installed=True)
