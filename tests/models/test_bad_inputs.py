"""Failures with models, as a client of a real hub sees them: a clear error, and no partial result."""

from pathlib import Path

import pytest
from mcp import Client

from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.gpu.hardware import Gpu, Machine
from server.gpu.memory_gate import MemoryGate
from server.hub import Hub
from tests.gpu.test_memory_gate import SEVEN
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel
from tests.standins.ollama_registry import Registered
from tests.tools.test_model_choice import text, with_client

pytestmark = pytest.mark.anyio

GIB = 2**30
SMALL_CARD = Machine(32 * GIB, 24 * GIB, 8, (Gpu("RTX 3050", "nvidia", 4 * GIB, 3 * GIB),))
WANTED = "granite4.1:3b"
APACHE = "qwen2.5-coder:1.5b"  # its licence, in the catalogue


async def refused(
    standin: OllamaStandIn, tool: str, machine: Machine | None = None, **arguments: object
) -> str:
    """Call a tool that fails and return its error; installed and loaded models must be unchanged."""
    words: list[str] = []

    async def work(client: Client, hub: Hub) -> None:
        if machine is not None:
            hub.memory = MemoryGate(hub.settings.backend, hub.folders, lambda: machine)
            hub.engine.admission = hub.memory
        before = (set(standin.models), set(standin.loaded))
        answer = await client.call_tool(tool, arguments)
        assert answer.is_error, text(answer)
        assert (set(standin.models), set(standin.loaded)) == before
        assert not hub.engine.downloads
        assert not hub.snapshot().activities
        words.append(text(answer))

    await with_client(Settings(backend=BackendSettings(kind="ollama", url=standin.url)), work)
    return words[0]


async def test_an_unknown_model_names_the_nearest_of_the_catalogue(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.registry["qwen3-coder:30"] = Registered(error="pull model manifest: file does not exist")
    said = await refused(ollama_standin, "pull_model", model="qwen3-coder:30")
    assert "model_not_found" in said
    assert "qwen3-coder:30b" in said


async def test_no_disk(ollama_standin: OllamaStandIn) -> None:
    error = "write /usr/share/ollama/.ollama/models/blobs/sha256-1-partial: no space left on device"
    ollama_standin.registry[WANTED] = Registered(error=error)
    assert "no_disk_space" in await refused(ollama_standin, "pull_model", model=WANTED)


async def test_no_network(ollama_standin: OllamaStandIn) -> None:
    said = await refused(ollama_standin, "pull_model", model=WANTED)
    assert "no_network" in said
    assert "Check the network" in said


async def test_a_model_that_is_too_large(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.models["qwen2.5-coder:7b"] = StandInModel(size=4_683_073_952, metadata=SEVEN)
    said = await refused(ollama_standin, "preload_model", SMALL_CARD, model="qwen2.5-coder:7b")
    assert "model_too_large" in said
    assert "2.7 GB is available" in said
    assert ollama_standin.loads == []


async def test_a_blocked_licence(ollama_standin: OllamaStandIn) -> None:
    folder = find_folders().config
    folder.mkdir(parents=True)
    (folder / "models.json").write_text('{"license_filter": ["MIT"]}', encoding="utf-8")
    ollama_standin.registry[WANTED] = Registered()
    ollama_standin.models[APACHE] = StandInModel()
    for tool, model in (("pull_model", WANTED), ("preload_model", APACHE)):
        assert "model_blocked" in await refused(ollama_standin, tool, model=model)
    assert not [each for each in ollama_standin.requests if each.path == "/api/pull"]


async def test_unknown_licence_does_not_block_a_named_model(
    ollama_standin: OllamaStandIn,
) -> None:
    folder = find_folders().config
    folder.mkdir(parents=True)
    (folder / "models.json").write_text('{"license_filter": ["MIT"]}', encoding="utf-8")
    ollama_standin.models["mine:1b"] = StandInModel()

    async def work(client: Client, _hub: Hub) -> None:
        answer = await client.call_tool("preload_model", {"model": "mine:1b"})
        assert not answer.is_error, text(answer)

    await with_client(Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url)), work)


async def test_download_that_breaks_off_repeatedly(ollama_standin: OllamaStandIn) -> None:
    dying = Registered(dies=True)
    ollama_standin.registry[WANTED] = dying
    said = await refused(ollama_standin, "pull_model", model=WANTED)
    assert "backend_failed" in said
    arrived = sum(dying.have.values())
    assert 0 < arrived < 1000
    ollama_standin.registry[WANTED] = Registered(have=dict(dying.have))

    async def work(client: Client, _hub: Hub) -> None:
        answer = await client.call_tool("pull_model", {"model": WANTED})
        assert not answer.is_error, text(answer)

    await with_client(Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url)), work)
    assert WANTED in ollama_standin.models


async def test_server_with_implausible_sizes(ollama_standin: OllamaStandIn) -> None:
    """Sizes beyond every disk, in the list and in memory, are shown but not used."""
    ollama_standin.models = {CODER: StandInModel(size=10**18, taken=10**18)}

    async def work(client: Client, hub: Hub) -> None:
        answer = await client.call_tool("recommend_model", {"category": "coding"})
        assert "fits (" in text(answer)
        assert CODER not in text(answer)  # a model that is too large ranks last
        loaded = await client.call_tool("preload_model", {"model": CODER})
        assert not loaded.is_error, text(loaded)
        assert not (hub.folders.state / "model-memory.json").exists()

    await with_client(Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url)), work)


async def test_a_first_offload_of_a_model_that_does_not_fit(
    ollama_standin: OllamaStandIn, tmp_path: Path
) -> None:
    ollama_standin.models = {"qwen2.5-coder:7b": StandInModel(size=4_683_073_952, metadata=SEVEN)}
    source, output = tmp_path / "slug.py", tmp_path / "test_slug.py"
    source.write_text(
        "def slugify(text):\n    return text.lower().replace(' ', '-')\n" * 20, encoding="utf-8"
    )

    async def work(client: Client, hub: Hub) -> None:
        hub.memory = MemoryGate(hub.settings.backend, hub.folders, lambda: SMALL_CARD)
        hub.engine.admission = hub.memory
        arguments = {"task": "Write tests.", "files": [str(source)], "output": str(output)}
        answer = await client.call_tool("offload_work", arguments)
        assert "model_too_large" in text(answer)
        assert "is available" in text(answer)
        assert not output.exists()

    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    await with_client(Settings(backend=backend, roots=(tmp_path,)), work)
    assert ollama_standin.loads == []
