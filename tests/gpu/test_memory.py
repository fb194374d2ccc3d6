"""Memory estimates compared with loads that llama.cpp reported, and properties of all estimates."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.backends.base import N_UBATCH
from server.gpu.memory import longest_context, model_memory

pytestmark = pytest.mark.fast

MIB = 2**20
REPORTED = tomllib.loads(Path(__file__).with_name("loads.toml").read_text(encoding="utf-8"))["load"]
HEADERS = tomllib.loads(Path(__file__).with_name("headers.toml").read_text(encoding="utf-8"))["model"]
LOADS = REPORTED + [
    {"source": model["name"], "metadata": model["metadata"], **load}
    for model in HEADERS
    for load in model["loads"]
]
SHAPES = [load["metadata"] for load in REPORTED] + [model["metadata"] for model in HEADERS]
MLA = {
    "general.architecture": "deepseek2",
    "deepseek2.block_count": 27,
    "deepseek2.context_length": 163840,
    "deepseek2.embedding_length": 2048,
    "deepseek2.feed_forward_length": 10944,
    "deepseek2.attention.head_count": 16,
    "deepseek2.attention.head_count_kv": 1,
    "deepseek2.attention.key_length": 576,
    "deepseek2.attention.value_length": 512,
    "deepseek2.attention.key_length_mla": 192,
    "deepseek2.attention.value_length_mla": 128,
    "deepseek2.attention.kv_lora_rank": 512,
    "deepseek2.rope.dimension_count": 64,
}
HYBRID = {
    "general.architecture": "granitehybrid",
    "granitehybrid.block_count": 4,
    "granitehybrid.context_length": 131072,
    "granitehybrid.embedding_length": 1024,
    "granitehybrid.feed_forward_length": 2048,
    "granitehybrid.attention.head_count": 8,
    "granitehybrid.attention.head_count_kv": [0, 0, 0, 2],
    "granitehybrid.ssm.state_size": 128,
    "granitehybrid.ssm.inner_size": 2048,
    "granitehybrid.ssm.group_count": 1,
    "granitehybrid.ssm.conv_kernel": 4,
}
SHAPES += [MLA, HYBRID]


@pytest.mark.parametrize("load", LOADS, ids=lambda load: f"{load['source'][:40]} {load['num_ctx']}")
def test_estimates_are_within_a_tenth_of_the_load(load: dict[str, Any]) -> None:
    weights = round(load["weights"] * MIB)
    memory = model_memory(
        load["metadata"],
        weights,
        load["num_ctx"],
        load.get("kv_type", "f16"),
        load.get("slots", 1),
        n_ubatch=load.get("n_ubatch", N_UBATCH),
    )
    if "kv_cache" in load:
        assert memory.kv_cache == pytest.approx(load["kv_cache"] * MIB, abs=MIB / 50)
    if "compute" in load:
        assert memory.compute == pytest.approx(load["compute"] * MIB, rel=0.1)
    if "total" in load:
        assert memory.total == pytest.approx(load["total"] * MIB, rel=0.1)


@given(
    shape=st.sampled_from(SHAPES),
    num_ctx=st.integers(1, 60_000),
    slots=st.integers(1, 8),
    kv_type=st.sampled_from(["f16", "q8_0", "q4_0"]),
)
def test_memory_grows_with_context_and_slots(
    shape: dict[str, Any], num_ctx: int, slots: int, kv_type: Any
) -> None:
    memory = model_memory(shape, 0, num_ctx, kv_type, slots).total
    assert model_memory(shape, 0, num_ctx + 256, kv_type, slots).total > memory
    assert model_memory(shape, 0, num_ctx + 256, kv_type, slots + 1).total > memory
    assert model_memory(shape, 0, num_ctx, "f16", slots).total >= memory


@given(shape=st.sampled_from(SHAPES), free=st.integers(0, 2**34))
def test_longest_context_fits_and_the_next_step_does_not(shape: dict[str, Any], free: int) -> None:
    length = longest_context(shape, lambda tokens: model_memory(shape, 0, tokens).total <= free)
    architecture = shape["general.architecture"]
    if length:
        assert model_memory(shape, 0, length).total <= free
    if length < shape[f"{architecture}.context_length"] // 256 * 256:
        assert model_memory(shape, 0, length + 256).total > free


def test_reported_loads_cover_a_dozen_architectures() -> None:
    architectures = {load["metadata"]["general.architecture"] for load in LOADS if "total" in load}
    assert len(architectures) >= 16
    assert all(load["source"] for load in LOADS)


def test_complete_loads_cover_a_dozen_architectures() -> None:
    linked = [load for load in REPORTED if load["source"].startswith("https://github.com/")]
    assert len({load["metadata"]["general.architecture"] for load in linked if "total" in load}) >= 12
    assert all(load["weights"] or "total" not in load for load in linked)
    assert all(model["source"] for model in HEADERS)


def test_sliding_window_limits_the_cache() -> None:
    gemma = next(load["metadata"] for load in REPORTED if "gemma3-270m" in load["source"])
    windowed = model_memory(gemma, 0, 32768).kv_cache
    full = model_memory({**gemma, "gemma3.attention.sliding_window": 0}, 0, 32768).kv_cache
    assert windowed == full * 3 // 18 + full * 15 // 18 * 1024 // 32768


def test_quantized_caches_are_smaller_by_their_blocks() -> None:
    llama = LOADS[0]["metadata"]
    assert model_memory(llama, 0, 8192, "q8_0").kv_cache == 180 * MIB * 34 // 64
    assert model_memory(llama, 0, 8192, "q4_0").kv_cache == 180 * MIB * 18 // 64


def test_mla_stores_one_compressed_row_per_token() -> None:
    assert model_memory(MLA, 0, 4096).kv_cache == 4096 * 27 * (512 + 64) * 2


def test_recurrent_layers_do_not_grow() -> None:
    short, long = (model_memory(HYBRID, 0, each).kv_cache for each in (256, 512))
    assert long - short == 256 * 2 * (128 + 128) * 2  # the only layer with attention


def test_layers_with_a_shared_cache_have_none_of_their_own() -> None:
    """Gemma 4 E4B, https://github.com/ggml-org/llama.cpp/issues/21730: 2,048 MiB in four full layers; twenty
    layers have a window of 512, in 1,024 cells; eighteen share a cache."""
    gemma4 = {
        "general.architecture": "gemma4",
        "gemma4.block_count": 42,
        "gemma4.context_length": 131072,
        "gemma4.embedding_length": 2560,
        "gemma4.feed_forward_length": 10240,
        "gemma4.attention.head_count": 8,
        "gemma4.attention.head_count_kv": 2,
        "gemma4.attention.key_length": 512,
        "gemma4.attention.value_length": 512,
        "gemma4.attention.key_length_swa": 256,
        "gemma4.attention.value_length_swa": 256,
        "gemma4.attention.sliding_window": 512,
        "gemma4.attention.sliding_window_pattern": [(layer + 1) % 6 != 0 for layer in range(42)],
        "gemma4.attention.shared_kv_layers": 18,
    }
    windows = 20 * 1024 * 2 * (256 + 256) * 2
    assert model_memory(gemma4, 0, 131072).kv_cache == 2048 * MIB + windows


def test_three_of_four_layers_of_a_hybrid_have_a_state() -> None:
    """Qwen3.6 27B, https://github.com/TheTom/llama-cpp-turboquant/issues/308: 448.88 MiB for three states,
    and sixteen layers with a cache."""
    qwen = {
        "general.architecture": "qwen35",
        "qwen35.block_count": 64,
        "qwen35.context_length": 262144,
        "qwen35.embedding_length": 5120,
        "qwen35.feed_forward_length": 17408,
        "qwen35.attention.head_count": 24,
        "qwen35.attention.head_count_kv": 4,
        "qwen35.attention.key_length": 256,
        "qwen35.attention.value_length": 256,
        "qwen35.full_attention_interval": 4,
        "qwen35.ssm.conv_kernel": 4,
        "qwen35.ssm.state_size": 128,
        "qwen35.ssm.group_count": 16,
        "qwen35.ssm.inner_size": 6144,
    }
    cache = 8192 * 16 * 4 * (256 + 256) * 2
    assert model_memory(qwen, 0, 8192).kv_cache - cache == pytest.approx(448.88 / 3 * MIB, rel=1e-4)


@pytest.mark.parametrize("kv_type", ["q8_0", "q4_0"])
def test_windows_are_quantized_too(kv_type: str) -> None:
    """True since https://github.com/ggml-org/llama.cpp/pull/21332, which reverted a change of April 2026."""
    gemma = next(model["metadata"] for model in HEADERS if model["name"].startswith("Gemma 3"))
    whole, less = (model_memory(gemma, 0, 8192, each).kv_cache for each in ("f16", kv_type))
    assert less == whole * {"q8_0": 34, "q4_0": 18}[kv_type] // 64
