"""The user's choice of default model, stored in the settings and applied at once."""

import asyncio

from server.config.folders import Folders
from server.config.settings_file import set_setting
from server.engine.engine import Engine


async def make_default(engine: Engine, folders: Folders, model: str) -> None:
    """Use ``model`` for calls that name no model, both now and after a restart.

    Raises:
        ModelNotFound: the engine does not have this model.
        ModelBlocked: the user has blocked the model.
        SettingsError: the settings cannot be written. Nothing is changed.
    """
    name = await engine.choose_model(model)
    await asyncio.to_thread(set_setting, folders, "backend", "model", name)
    await engine.use_by_default(name)
