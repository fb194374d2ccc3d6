"""A batch whose engine is lost while another one, with other models, is there."""

import asyncio
from pathlib import Path

import pytest

from server.config.sections import BackendSettings
from server.config.settings import Settings
from tests.batch.conftest import NOTES, HubHarness, end
from tests.hub_in_process import running_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import MODEL, OpenAIStandIn

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("dialect", ["llama-server", "lmstudio", "vllm"])
async def test_each_item_goes_on_with_the_model_of_the_other_engine(
    dialect: str, ollama_standin: OllamaStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    with OpenAIStandIn(dialect, slots=2) as other:
        other.models[MODEL].num_ctx = 8192
        other.answers.default = Answer(NOTES)
        ollama_standin.answers.default = Answer(NOTES, first_delay=600)
        monkeypatch.setenv("OLLAMA_HOST", ollama_standin.url)
        monkeypatch.setattr("server.engine.discovery.USUAL_URLS", (other.url,))
        async with running_hub(Settings(backend=BackendSettings(kind="auto"))) as hub:
            harness = HubHarness(hub, ollama_standin, project)
            job_id = await harness.notes_on(harness.write_files(6))
            while not ollama_standin.running:
                await asyncio.sleep(0.02)
            ollama_standin.stop()
            assert await end(harness, job_id) == {"delivered": 6}
            assert hub.snapshot().engine.url == other.url
