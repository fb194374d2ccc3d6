"""Deletes models from the engine's disk, and takes the user's own files and folders off its list."""

from server.backends.base import DeletesModels, ListsPlaces
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


async def stop_listing(engine: Engine, place: str) -> None:
    """Unload the models of a file or folder that the user added, and take it off the list. The files stay.

    Raises:
        BackendUnsupported: this engine has no such list.
        BackendError: the engine is unreachable or failed.
        DownloadError: the list cannot be written.
    """
    backend = await engine.use()
    if not isinstance(backend, ListsPlaces):
        raise BackendUnsupported(
            f"{backend.label} keeps no list of folders.", "Change the folders in the server itself."
        )
    view = engine.view()
    inside = {each.name for each in view.installed if each.listed_as == place}
    for model in view.loaded:
        if model.name in inside:
            await engine.unload(model.name)
    try:
        await backend.stop_listing(place)
    finally:
        await engine.refresh(installed=True)
