"""Calculates a model's memory use from its metadata: weights, KV cache and compute buffers.

The formulas are llama.cpp's: ``src/llama-kv-cache.cpp`` (cells, padding), ``src/llama-kv-cache-iswa.cpp``
(sliding windows), ``src/llama-memory-recurrent.cpp`` (recurrent states) and ``src/llama-hparams.cpp``
(widths). The keys are those of a GGUF header, as also used in Ollama's ``model_info``. Sizes are in bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.backends.base import N_UBATCH

# Bytes per value: ggml stores 32 values in 34 bytes (q8_0) or 18 bytes (q4_0).
KV_BYTES: Mapping[str, float] = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
FLOAT_BYTES, MASK_BYTES = 4, 2
CELLS_STEP = 256
LARGEST = 2**31
MOST_LAYERS = 1024

# Period of the layers that see the whole context, for headers that do not state it
# (llama.cpp sets it by architecture: `set_swa_pattern` in `src/llama-model.cpp`).
_SWA_PERIOD = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "gptoss": 2,
    "cohere2": 4,
    "exaone4": 4,
    "olmo2": 4,
    "llama4": 4,
}
# Architectures without a gate in the feed-forward part.
_UNGATED = frozenset({"starcoder2"})


@dataclass(frozen=True)
class ModelMemory:
    """A model's memory use by component. ``compute`` is the least certain: it depends on the GPU backend."""

    weights: int
    kv_cache: int
    compute: int

    @property
    def total(self) -> int:
        """Sum of the components."""
        return self.weights + self.kv_cache + self.compute


def layer_count(metadata: Mapping[str, Any]) -> int:
    """Return the number of layers, or 0 if it is missing or invalid, in which case memory use cannot be
    calculated.
    """
    shape = _Shape(metadata)
    return shape.layers if 0 < shape.layers <= MOST_LAYERS and shape.embedding and shape.context_length else 0


def model_memory(
    metadata: Mapping[str, Any],
    weights: int,
    num_ctx: int,
    kv_type: str = "f16",
    slots: int = 1,
    *,
    n_ubatch: int = N_UBATCH,
) -> ModelMemory:
    """Return a model's memory use with a context of ``num_ctx`` tokens in each of ``slots`` slots.

    Args:
        weights: size of its file, because a GGUF file consists almost entirely of tensors.
        kv_type: data type of the KV cache. Unknown types are treated as f16.
        n_ubatch: number of prompt tokens processed at a time.
    """
    shape = _Shape(metadata, n_ubatch)
    cells = _padded(num_ctx)
    values = sum(
        shape.cells(layer, cells) * shape.width(layer)
        for layer in range(shape.layers)
        if shape.has_own_cache(layer)
    )
    recurrent = sum(shape.state for layer in range(shape.layers) if shape.is_recurrent(layer))
    kv = slots * (round(values * KV_BYTES.get(kv_type, KV_BYTES["f16"])) + recurrent * FLOAT_BYTES)
    return ModelMemory(weights, kv, _compute(shape, cells))


def longest_context(metadata: Mapping[str, Any], fits: Callable[[int], bool]) -> int:
    """Return the longest context that ``fits``, in steps of 256 tokens; 0 if none does.

    The result is at most the length the model was trained for. If a context fits, every shorter one must fit
    too.
    """
    low, high = 0, _Shape(metadata).context_length // CELLS_STEP
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle * CELLS_STEP) else (low, middle - 1)
    return low * CELLS_STEP


class _Shape:
    """The properties of an architecture that the formulas need."""

    def __init__(self, metadata: Mapping[str, Any], n_ubatch: int = N_UBATCH) -> None:
        self._metadata = metadata
        self.n_ubatch = n_ubatch
        self.architecture = str(metadata.get("general.architecture", ""))
        self.layers = self._number("block_count")
        self.embedding = self._number("embedding_length")
        self.heads = max(1, self._largest("attention.head_count"))
        self.context_length = self._number("context_length")
        self.window = self._number("attention.sliding_window")
        # Newer files of DeepSeek's architecture contain this key and the tensors for a compressed cache.
        self.mla = self._number("attention.key_length_mla") > 0
        self.shared = self._number("attention.shared_kv_layers")
        self._leading = self._number("leading_dense_block_count")

    @property
    def feed_forward(self) -> int:
        return (
            0 if self._number("expert_count") and not self._leading else self._largest("feed_forward_length")
        )

    @property
    def experts_used(self) -> int:
        return self._number("expert_used_count") if self._number("expert_count") else 0

    @property
    def expert_feed_forward(self) -> int:
        return self._number("expert_feed_forward_length") or self._largest("feed_forward_length")

    @property
    def state(self) -> int:
        """Number of values a recurrent layer stores per sequence: the convolution and state-space states
        (``n_embd_r`` and ``n_embd_s`` in ``llama-hparams.cpp``).
        """
        inner, size = self._number("ssm.inner_size"), self._number("ssm.state_size")
        groups, conv = self._number("ssm.group_count"), self._number("ssm.conv_kernel")
        return max(0, conv - 1) * (inner + 2 * groups * size) + size * inner

    def is_recurrent(self, layer: int) -> bool:
        """Return whether a layer has a fixed-size state instead of a cache."""
        if not self._number("ssm.state_size"):
            return False
        if interval := self._number("full_attention_interval"):
            return (layer + 1) % interval != 0
        return self._of_layer("attention.head_count_kv", layer, 0) == 0

    def has_own_cache(self, layer: int) -> bool:
        """Return whether a layer stores keys and values. In some models, the last layers reuse those of
        earlier layers (``n_layer_kv_from_start`` in ``llama-hparams.h``).
        """
        return not self.is_recurrent(layer) and layer < self.layers - self.shared

    def is_windowed(self, layer: int) -> bool:
        """Return whether a layer sees only a sliding window."""
        if not self.window:
            return False
        pattern = self._value("attention.sliding_window_pattern")
        if isinstance(pattern, list):
            return bool(pattern[layer]) if layer < len(pattern) else False
        period = pattern if isinstance(pattern, int) else _SWA_PERIOD.get(self.architecture, 0)
        return period > 0 and (layer + 1) % period != 0

    def cells(self, layer: int, cells: int) -> int:
        """Return the number of cells a layer needs per slot. With a sliding window, this covers the window
        plus one batch.
        """
        return min(cells, _padded(self.window + self.n_ubatch)) if self.is_windowed(layer) else cells

    def width(self, layer: int) -> int:
        """Return how many values a layer stores per token, counting both keys and values."""
        heads = self._of_layer("attention.head_count_kv", layer, self.heads)
        usual = self.embedding // self.heads
        suffix = "_swa" if self.is_windowed(layer) and self._number("attention.key_length_swa") else ""
        key = self._number(f"attention.key_length{suffix}") or usual
        value = self._number(f"attention.value_length{suffix}") or key
        # A compressed cache holds keys and values in the keys' row (llama.cpp: no V with MLA).
        return heads * (key if self.mla else key + value)

    def _of_layer(self, key: str, layer: int, default: int) -> int:
        value = self._value(key)
        if isinstance(value, list):
            return _count(value[layer]) if layer < len(value) else 0
        return default if value is None else _count(value)

    def _largest(self, key: str) -> int:
        value = self._value(key)
        return max(map(_count, value), default=0) if isinstance(value, list) else _count(value)

    def _number(self, key: str) -> int:
        return _count(self._value(key))

    def _value(self, key: str) -> Any:
        return self._metadata.get(f"{self.architecture}.{key}")


def _count(value: Any) -> int:
    """Return a count from a header, or 0 if it is invalid. A foreign server can report any value."""
    return value if isinstance(value, int) and 0 <= value <= LARGEST else 0


def _compute(shape: _Shape, cells: int) -> int:
    """Return the size of the compute buffer: the widest point of a layer for a batch, in f32, plus the
    attention masks over one slot's ``cells`` and over the cells of a window, in f16.

    It is allocated by ``graph_reserve`` in ``src/llama-context.cpp``. The widest point is in the feed-forward
    part (gate, up and their product, alongside five embeddings) or in the sum over many experts. The result
    matches what llama.cpp's CPU backend reports for the headers in ``tests/models/headers.toml``. Builds up
    to 2025 reserve more: the logits for a whole batch.
    """
    experts, embedding = shape.experts_used, shape.embedding
    inner = experts * shape.expert_feed_forward
    layer = max(
        (1 if shape.architecture in _UNGATED else 3) * shape.feed_forward + 5 * embedding,
        3 * inner + 5 * embedding,
        2 * inner + 2 * experts * embedding,
    )
    masks = {(shape.is_windowed(each), shape.cells(each, cells)) for each in range(shape.layers)}
    return (layer * FLOAT_BYTES + sum(width for _, width in masks) * MASK_BYTES) * shape.n_ubatch


def _padded(cells: int) -> int:
    return -(-cells // CELLS_STEP) * CELLS_STEP
