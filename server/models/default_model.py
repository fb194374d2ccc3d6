"""The user's choice of the default model: stored in the settings, and in use at once."""

import asyncio

from server.config.folders import Folders
from server.config.settings_file import set_setting
from server.engine.engine import Engine


async def make_default(engine: Engine, folders: Folders, model: str) -> None:
    """Use ``model`` for calls that name none, now and after a restart.

    Raises:
        ModelNotFound: the engine has no such model.
        ModelBlocked: the user blocks the model.
        SettingsError: the settings cannot be written; nothing changed.
    """
    name = await engine.choose_model(model)
    await asyncio.to_thread(set_setting, folders, "backend", "model", name)
    await engine.use_by_default(name)
