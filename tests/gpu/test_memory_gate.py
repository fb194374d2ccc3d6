"""Admission of loads on simulated machines: granted, shortened or refused, and corrected by real loads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server.backends.ollama.backend import OllamaBackend
from server.common.errors import ModelTooLarge
from server.common.events import EventBus
from server.config.folders import find_folders
from server.engine.engine import Engine
from server.gpu.hardware import Gpu, GpuProcess, Machine
from server.gpu.memory_gate import MemoryGate
from tests.engine_requests import settings
from tests.standins.ollama import OllamaStandIn, StandInModel

pytestmark = [pytest.mark.anyio, pytest.mark.fast]

GIB = 2**30
GAME = GpuProcess(1234, "game.exe", 4 * GIB)
# Qwen2.5-Coder 7B: 56 KiB of KV cache per token.
SEVEN = {
    "general.architecture": "qwen2",
    "qwen2.block_count": 28,
    "qwen2.embedding_length": 3584,
    "qwen2.feed_forward_length": 18944,
    "qwen2.attention.head_count": 28,
    "qwen2.attention.head_count_kv": 4,
}
CODER = "qwen2.5-coder:7b"


def gpu(total: float, free: float, *processes: GpuProcess) -> Gpu:
    return Gpu("GPU", "nvidia", round(total * GIB), round(free * GIB), processes=processes)


def machine(*gpus: Gpu, ram: float = 32, available: float = 24) -> Machine:
    return Machine(round(ram * GIB), round(available * GIB), 8, gpus)


class Watched:
    """An engine on a machine that the test changes."""

    def __init__(self, standin: OllamaStandIn, now: Machine, **options: Any) -> None:
        chosen = settings(kind="ollama", url=standin.url, **options)
        self.now = now
        self.engine = Engine(chosen, find_folders(), EventBus())
        self.gate = MemoryGate(chosen.backend, find_folders(), lambda: self.now)
        self.engine.admission = self.gate


@asynccontextmanager
async def watched(standin: OllamaStandIn, now: Machine, **options: Any) -> AsyncIterator[Watched]:
    standin.models = {CODER: StandInModel(size=4_683_073_952, vram=1.0, metadata=SEVEN)}
    each = Watched(standin, now, **options)
    try:
        yield each
    finally:
        await each.engine.close()


async def test_model_that_fits_is_loaded_with_the_usual_context(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 7.5))) as each:
        await each.engine.load(CODER)
    assert ollama_standin.loads == [(CODER, 8192)]


async def test_refusal_names_the_program_that_holds_the_memory(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 4, GAME))) as each:
        with pytest.raises(ModelTooLarge) as refused:
            await each.engine.load(CODER)
    assert ollama_standin.loads == []
    text = str(refused.value)
    assert text.startswith(
        "model_too_large: qwen2.5-coder:7b with a context of 8,192 tokens needs 5.3 GB of GPU"
    )
    assert "3.8 GB is available (game.exe holds 4.3 GB)" in text
    assert "allow_spill = true" in text


async def test_shorter_context_is_chosen_unless_the_user_set_one(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 5.27))) as each:
        assert await each.engine.num_ctx(CODER) == 4096
        with pytest.raises(ModelTooLarge, match=r"A context of \d+ tokens would fit"):
            await each.engine.num_ctx(CODER, need=6000)
        await each.engine.load(CODER)
        each.now = machine(gpu(8, 0.3))  # the model itself uses it
        assert await each.engine.num_ctx(CODER) == 4096
        assert await each.engine.num_ctx(CODER, need=3000) == 4096
        await each.engine.refresh()
        (loaded,) = each.engine.view().loaded
        assert loaded.num_ctx == 4096
    assert ollama_standin.loads == [(CODER, 4096)]


async def test_context_set_by_the_user_is_refused_not_shortened(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 5.27)), num_ctx=8192) as each:
        with pytest.raises(
            ModelTooLarge, match=r"A context of 5632 tokens would fit: set \[backend\] num_ctx to it"
        ):
            await each.engine.load(CODER)
    async with watched(ollama_standin, machine(gpu(8, 5.27)), num_ctx=5632) as each:
        await each.engine.load(CODER)
    assert ollama_standin.loads == [(CODER, 5632)]


async def test_allow_spill_admits_every_load(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 1)), allow_spill=True) as each:
        await each.engine.load(CODER)
    assert ollama_standin.loads == [(CODER, 8192)]


async def test_without_a_gpu_it_must_fit_in_ram(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(ram=8, available=3)) as each:
        with pytest.raises(ModelTooLarge, match=r"5\.3 GB of RAM; 3\.0 GB is available"):
            await each.engine.load(CODER)
        each.now = machine(ram=8, available=6)
        await each.engine.load(CODER)


async def test_two_cards_share_a_model_by_its_layers(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(4, 3.5), gpu(4, 3.5))) as each:
        await each.engine.load(CODER)
        await each.engine.unload(CODER)
    # The sum would fit, but each card needs compute buffers and holds whole layers.
    async with watched(ollama_standin, machine(gpu(4, 2.8), gpu(4, 2.8)), num_ctx=8192) as each:
        with pytest.raises(
            ModelTooLarge,
            match=r"needs 4\.9 GB of GPU memory; 5\.1 GB is available on 2 GPUs, split by layers",
        ):
            await each.engine.load(CODER)


async def test_models_that_would_be_evicted_count_as_free(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 7.5))) as each:
        ollama_standin.models["other:7b"] = ollama_standin.models[CODER]
        await each.engine.load("other:7b")
        each.now = machine(gpu(8, 2.5))
        await each.engine.load(CODER)
    assert [name for name, _ in ollama_standin.loads] == ["other:7b", CODER]


async def test_first_use_is_refused_like_a_load(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 2))) as each:
        with pytest.raises(ModelTooLarge):
            await each.engine.num_ctx(CODER, need=1000)
        each.now = machine(gpu(8, 7))
        assert await each.engine.num_ctx(CODER, need=1000) == 8192


async def test_memory_of_a_load_corrects_the_next_estimate(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 7.5))) as each:
        usual = ollama_standin.models[CODER]
        ollama_standin.models[CODER] = StandInModel(
            size=usual.size, vram=1.0, metadata=SEVEN, taken=round(6.2 * GIB)
        )
        await each.engine.load(CODER)
        (loaded,) = each.engine.view().loaded
        assert loaded.size == round(6.2 * GIB)
        assert loaded.estimated == pytest.approx(4.94 * GIB, rel=0.01)
        await each.engine.unload(CODER)
    # The next hub has memory for the first estimate but not for the actual load.
    async with watched(ollama_standin, machine(gpu(8, 6)), num_ctx=8192) as each:
        with pytest.raises(ModelTooLarge, match=r"needs 6\.7 GB"):
            await each.engine.load(CODER)


@pytest.mark.parametrize("taken", [1, 10**18], ids=["far-too-small", "far-too-large"])
async def test_implausible_size_is_ignored(ollama_standin: OllamaStandIn, taken: int) -> None:
    async with watched(ollama_standin, machine(gpu(8, 7.5))) as each:
        ollama_standin.models[CODER] = StandInModel(size=4_683_073_952, vram=1.0, metadata=SEVEN, taken=taken)
        await each.engine.load(CODER)
    async with watched(ollama_standin, machine(gpu(8, 5.6))) as each:
        ollama_standin.loaded.clear()
        assert await each.engine.num_ctx(CODER) == 8192
    assert not (find_folders().state / "model-memory.json").exists()


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"general.architecture": "qwen2", "qwen2.block_count": 10**12, "qwen2.embedding_length": 64},
        {"general.architecture": "qwen2", "qwen2.block_count": "many", "qwen2.embedding_length": -1},
        {**SEVEN, "qwen2.attention.head_count_kv": ["x", None, -4], "qwen2.feed_forward_length": 1e400},
        {"general.architecture": ["qwen2"]},
    ],
    ids=["none", "endless layers", "words", "mixed", "architecture"],
)
async def test_invalid_metadata_does_not_prevent_a_load(
    ollama_standin: OllamaStandIn, metadata: dict[str, Any]
) -> None:
    async with watched(ollama_standin, machine(gpu(8, 7.5))) as each:
        ollama_standin.models[CODER] = StandInModel(size=4_000_000_000, metadata=metadata)
        await each.engine.load(CODER)
    assert ollama_standin.loads == [(CODER, 8192)]


async def test_heads_of_each_layer_are_requested(ollama_standin: OllamaStandIn) -> None:
    hybrid = {**SEVEN, "qwen2.attention.head_count_kv": [4, 0] * 14, "tokenizer.ggml.tokens": ["a"] * 9}
    ollama_standin.models = {CODER: StandInModel(metadata=hybrid)}
    backend = OllamaBackend(ollama_standin.url, settings(kind="ollama", url=ollama_standin.url))
    try:
        file = await backend.model_file(CODER)
    finally:
        await backend.close()
    assert file.metadata["qwen2.attention.head_count_kv"] == [4, 0] * 14
    assert "tokenizer.ggml.tokens" not in file.metadata


async def test_damaged_corrections_are_started_anew(ollama_standin: OllamaStandIn) -> None:
    path: Path = find_folders().state / "model-memory.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"ollama qwen2.5-coder:7b": {"computed": 0}}', encoding="utf-8")
    async with watched(ollama_standin, machine(gpu(8, 7.5))) as each:
        await each.engine.load(CODER)
    assert "computed" in path.read_text(encoding="utf-8")


async def test_automatically_chosen_model_fits_the_gpu(ollama_standin: OllamaStandIn) -> None:
    async with watched(ollama_standin, machine(gpu(8, 7.5), ram=64)) as each:
        ollama_standin.models["qwen2.5-coder:32b"] = StandInModel(size=20 * GIB)
        assert await each.engine.choose_model(None) == CODER
