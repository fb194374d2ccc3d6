"""Memory of a model, calculated from its metadata: weights, KV cache and compute buffers.

The formulas are llama.cpp's: ``src/llama-kv-cache.cpp`` (cells, padding), ``src/llama-kv-cache-iswa.cpp``
(sliding windows), ``src/llama-memory-recurrent.cpp`` (recurrent states) and ``src/llama-hparams.cpp``
(widths). The keys are those of a GGUF header, which Ollama's ``model_info`` repeats. Sizes are in bytes.
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
    """Memory of a model by part. ``compute`` is the least certain part: it depends on the GPU backend."""

    weights: int
    kv_cache: int
    compute: int

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return self.weights + self.kv_cache + self.compute


def layer_count(metadata: Mapping[str, Any]) -> int:
    """Return the number of layers. The number is 0 if the metadata lacks it or is invalid; the memory then
    cannot be calculated.
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
    """Return the memory of a model with ``num_ctx`` tokens of context in each of ``slots`` slots.

    Args:
        weights: size of its file, because a GGUF file consists almost only of tensors.
        kv_type: type of the cached values. An unknown type counts as f16.
        n_ubatch: number of prompt tokens that are processed at a time.
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
    """Return the longest context that ``fits``, in steps of 256 tokens; 0 if no context fits.

    The result is at most the length for which the model was trained. If a context fits, every shorter context
    must fit too.
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
        """Number of values of a recurrent layer for one sequence: the states of the convolution and of the
        state space (``n_embd_r`` and ``n_embd_s`` of ``llama-hparams.cpp``).
        """
        inner, size = self._number("ssm.inner_size"), self._number("ssm.state_size")
        groups, conv = self._number("ssm.group_count"), self._number("ssm.conv_kernel")
        return max(0, conv - 1) * (inner + 2 * groups * size) + size * inner

    def is_recurrent(self, layer: int) -> bool:
        """Return whether a layer has a state of fixed size instead of a cache."""
        if not self._number("ssm.state_size"):
            return False
        if interval := self._number("full_attention_interval"):
            return (layer + 1) % interval != 0
        return self._of_layer("attention.head_count_kv", layer, 0) == 0

    def has_own_cache(self, layer: int) -> bool:
        """Return whether a layer stores keys and values. The last layers of some models use the keys and
        values of earlier layers (``n_layer_kv_from_start`` of ``llama-hparams.h``).
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
        """Return the number of cells of a layer for one slot. With a sliding window, these are the cells of
        the window and of one batch.
        """
        return min(cells, _padded(self.window + self.n_ubatch)) if self.is_windowed(layer) else cells

    def width(self, layer: int) -> int:
        """Return the number of values that a layer stores per token: keys and values together."""
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
    """Return a count from a header, or 0 if the count is invalid. A foreign server can report any value."""
    return value if isinstance(value, int) and 0 <= value <= LARGEST else 0


def _compute(shape: _Shape, cells: int) -> int:
    """Return the size of the compute buffer: the widest point of a layer for a batch, in f32, and the
    attention masks over the ``cells`` of one slot and over the cells of a window, in f16.

    ``graph_reserve`` in ``src/llama-context.cpp`` allocates it. The widest point is in the feed-forward part
    (gate, up and their product, beside five embeddings) or in the sum over many experts. This matches the
    reports of llama.cpp's CPU backend for the headers in ``tests/models/headers.toml``. Builds up to 2025
    reserve more: the logits of a whole batch.
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
