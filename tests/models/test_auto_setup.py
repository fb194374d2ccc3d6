"""``auto_setup`` on a machine without engine and model, with a download from a stand-in."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client

from server.backends.embedded.catalogue import Official, PinnedModel
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from tests.engine_models import SMOLLM2, put_model
from tests.standins.model_hub import ModelHub
from tests.tools.test_model_choice import text, with_client

pytestmark = pytest.mark.anyio

CATALOGUE = """
[[model]]
name = "smollm2-135m"
engine = "embedded"
size = 98_362_432
parameters = 0.135
active = 0.135
license = "Apache-2.0"
categories = ["general"]
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModelHub]:
    """A hub with the catalogue's model; nothing listens at Ollama's address."""
    content = put_model(tmp_path / "fetched", SMOLLM2).read_bytes()
    official = Official(repo="org/smollm2", file="smollm2-Q4_1.gguf")
    digest = hashlib.sha256(content).hexdigest()
    model = PinnedModel(
        title="SmolLM2", sha256=digest, size=len(content), license="Apache-2.0", official=official
    )
    for place in ("server.backends.embedded.weights.fetch", "server.backends.embedded.catalogue"):
        monkeypatch.setattr(f"{place}.pinned_models", lambda: {SMOLLM2: model})
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    with ModelHub() as server:
        server.add(official.repo, official.file, content)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


async def test_bare_machine_ends_with_a_loaded_model(hub: ModelHub, token_saver_home: Path) -> None:
    token_saver_home.mkdir(parents=True, exist_ok=True)
    (token_saver_home / "models.toml").write_text(CATALOGUE, encoding="utf-8")
    told: list[str | None] = []

    async def note(_progress: float, _total: float | None, message: str | None) -> None:
        told.append(message)

    async def work(client: Client, app: Hub) -> None:
        answer = await client.call_tool("auto_setup", {}, progress_callback=note)
        words = text(answer)
        assert not answer.is_error, words
        assert len(words) < 600
        for part in ("Embedded llama.cpp", "Chose smollm2-135m: fits (", "ownloaded", "warm"):
            assert part in words
        (loaded,) = app.engine.view().loaded
        assert loaded.name == "smollm2-135m"
        assert loaded.size > loaded.estimated / 2 > 0
        listed = text(await client.call_tool("list_loaded_models", {}))
        assert "was expected" in listed

    await with_client(Settings(backend=BackendSettings(num_ctx=1024)), work)
    kept = json.loads((token_saver_home / "model-memory.json").read_text(encoding="utf-8"))
    load = kept["embedded smollm2-135m"]
    assert load["computed"] * 0.7 < load["taken"] <= load["computed"]
    assert any("downloading (0.1 GB, licence: Apache-2.0)" in (each or "") for each in told)
    model = token_saver_home / "models" / "smollm2-135m.gguf"
    digest = await asyncio.to_thread(lambda: hashlib.sha256(model.read_bytes()).hexdigest())
    assert digest == hashlib.sha256(hub.repositories["org/smollm2"].files["smollm2-Q4_1.gguf"]).hexdigest()


async def test_failed_setup_without_a_network_leaves_no_files(hub: ModelHub, token_saver_home: Path) -> None:
    token_saver_home.mkdir(parents=True, exist_ok=True)
    (token_saver_home / "models.toml").write_text(CATALOGUE, encoding="utf-8")
    hub.stop()

    async def work(client: Client, app: Hub) -> None:
        answer = await client.call_tool("auto_setup", {})
        assert answer.is_error
        assert "no_network" in text(answer)
        assert "name your own GGUF file by its path" in text(answer)
        assert app.engine.view().loaded == ()

    await with_client(Settings(), work)
    assert not list((token_saver_home / "models").glob("*.gguf*"))
