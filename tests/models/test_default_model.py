"""The default model: chosen by the user, in use at once and after a restart."""

import pytest

from server.common.errors import ModelNotFound
from server.common.events import EventBus
from server.config.folders import find_folders
from server.engine.engine import Engine
from server.models.default_model import make_default
from tests.engine_requests import settings
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel

pytestmark = pytest.mark.anyio


async def test_the_choice_is_in_use_at_once_and_stored(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models["qwen3.5:4b"] = StandInModel()
    folders = find_folders()
    folders.create()
    engine = Engine(settings(kind="ollama", url=ollama_standin.url), folders, EventBus())
    for name in (CODER, "qwen3.5:4b"):
        await make_default(engine, folders, name)
        assert await engine.choose_model(None) == engine.view().default_model == name
        assert f'model = "{name}"' in folders.config_file.read_text()
    with pytest.raises(ModelNotFound):
        await make_default(engine, folders, "none:1b")
    assert await engine.choose_model(None) == "qwen3.5:4b"
    await engine.close()
