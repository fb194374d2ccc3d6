"""Estimates a model's generation speed on this machine until it has been measured.

An engine reads all active weights once per token, so memory bandwidth is the limit: tokens per second are
about ``EFFICIENCY`` × bandwidth / bytes of active weights.
"""

import tomllib
from functools import cache
from pathlib import Path

from server.gpu.hardware import Machine
from server.models.catalogue import CatalogueModel

BANDWIDTHS = Path(__file__).with_name("bandwidths.toml")
EFFICIENCY = 0.65
"""Share of the nominal bandwidth that llama.cpp achieves: 0.77 for 8B Q4_0 (4.65 GB) at 155 tokens/s on an
RTX 3090 with 936 GB/s (https://github.com/ggml-org/llama.cpp/pull/15802), less with larger caches and older
cards; 0.60 to 0.85 in https://devinfo.dev/paper/the-memory-wall-llm-inference-on-consumer-hardware/pdf."""
EFFICIENCY_OF_EXPERTS = 0.37
"""The same for mixture-of-experts models, whose reads are small: 149 tokens/s for Gemma 4 26B-A4B, which
reads about 2.5 GB per token, on an RTX 4090 with 1,008 GB/s
(https://runaihome.com/blog/gemma-4-local-ai-gpu-guide-2026/)."""
RAM_BANDWIDTH = 51.2
"""Bandwidth of a typical PC in GB/s: two channels of DDR4-3200 at 8 bytes each."""


def expected_rate(machine: Machine, model: CatalogueModel, *, on_gpu: bool) -> float:
    """Return the expected tokens per second; 0 if the GPU or the model's size is unknown.

    A mixture-of-experts model reads only its active experts. With several cards, the slowest one counts.
    """
    if not model.size:
        return 0.0
    cards = [gpu for gpu in machine.gpus if not gpu.unified] or list(machine.gpus) if on_gpu else []
    found = min((bandwidth_of(gpu.name) for gpu in cards), default=RAM_BANDWIDTH)
    share = model.active / model.parameters if model.active and model.parameters else 1.0
    efficiency = EFFICIENCY_OF_EXPERTS if share < 1 else EFFICIENCY
    return efficiency * found * 1e9 / (model.size * share)


@cache
def bandwidth_of(name: str) -> float:
    """Look up a GPU's bandwidth in GB/s by name; 0 if it is not listed."""
    words = f" {name.lower()} "
    known = tomllib.loads(BANDWIDTHS.read_text(encoding="utf-8"))["bandwidth"]
    fitting = [each for each in known if f" {each.lower()} " in words]
    return float(known[max(fitting, key=len)]) if fitting else 0.0
