"""Estimates against loads that llama.cpp reported, and what must hold for every model."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.models.memory import longest_context, model_memory

MIB = 2**20
LOADS = tomllib.loads(Path(__file__).with_name("loads.toml").read_text(encoding="utf-8"))["load"]
SHAPES = [load["metadata"] for load in LOADS]
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
        load["metadata"], weights, load["num_ctx"], load.get("kv_type", "f16"), load.get("slots", 1)
    )
    if "kv_cache" in load:
        assert memory.kv_cache == pytest.approx(load["kv_cache"] * MIB, abs=MIB / 100)
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
def test_the_longest_context_fits_and_the_next_step_does_not(shape: dict[str, Any], free: int) -> None:
    length = longest_context(shape, lambda tokens: model_memory(shape, 0, tokens).total <= free)
    architecture = shape["general.architecture"]
    if length:
        assert model_memory(shape, 0, length).total <= free
    if length < shape[f"{architecture}.context_length"] // 256 * 256:
        assert model_memory(shape, 0, length + 256).total > free


def test_a_window_bounds_the_cache() -> None:
    gemma = LOADS[-1]["metadata"]
    windowed = model_memory(gemma, 0, 32768).kv_cache
    full = model_memory({**gemma, "gemma3.attention.sliding_window": 0}, 0, 32768).kv_cache
    assert windowed == full * 3 // 18 + full * 15 // 18 * 1024 // 32768


def test_quantized_caches_are_smaller_by_their_blocks() -> None:
    llama = LOADS[0]["metadata"]
    assert model_memory(llama, 0, 8192, "q8_0").kv_cache == 180 * MIB * 34 // 64
    assert model_memory(llama, 0, 8192, "q4_0").kv_cache == 180 * MIB * 18 // 64


def test_mla_keeps_one_compressed_row_for_a_token() -> None:
    assert model_memory(MLA, 0, 4096).kv_cache == 4096 * 27 * (512 + 64) * 2


def test_recurrent_layers_do_not_grow() -> None:
    short, long = (model_memory(HYBRID, 0, each).kv_cache for each in (256, 512))
    assert long - short == 256 * 2 * (128 + 128) * 2  # the one layer with attention
