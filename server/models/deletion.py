"""Deletes models from the engine's disk."""

from server.backends.base import DeletesModels
from server.common.errors import BackendUnsupported
from server.engine.engine import Engine


async def delete_model(engine: Engine, model: str) -> None:
    """Unload a model and delete it. It can be downloaded again.

    Raises:
        ModelNotFound: the engine does not have this model.
        BackendUnsupported: this engine cannot delete models.
        BackendError: the engine is unreachable or failed.
    """
    backend = await engine.use()
    if not isinstance(backend, DeletesModels):
        raise BackendUnsupported(
            f"{backend.label} does not delete models.", "Delete the model in the server itself."
        )
    if any(each.name == model for each in engine.view().loaded):
        await engine.unload(model)
    try:
        await backend.delete(model)
    finally:
        await engine.refresh(installed=True)
